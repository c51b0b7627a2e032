"""What happens between a SYN and its ACK moves no handshake; who came late teaches nothing."""

from __future__ import annotations

import struct

import pytest

from accel.datapath.maps import PROGRAMS
from accel.datapath.programs import HINTS
from accel.ebpf import syscall
from accel.model.backend import State
from accel.model.hints import NOTHING, Affinity, Learn
from tests.bpf.hints.test_quic import connection_id, server_id, short
from tests.support.hints.hinting import TCP4, UDP4, Hinted, ack, datagram, nth, quic, syn
from tests.support.packets.rig import Rig


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    return Hinted(rig)


def change(hinted: Hinted, number: int, state: State) -> None:
    """The former rings stay for a while."""
    hinted.rig.world.change(hinted.service, number, state=state)
    hinted.rig.place_now()


def test_a_backend_that_comes_back_takes_no_handshake_of_its_hints_clients(hinted: Hinted) -> None:
    hinted.use(affinity=Affinity.CLIENT)
    home, _ = hinted.chosen(syn())
    hinted.push(home)
    change(hinted, home, State.DOWN)
    hinted.rig.forget_former_rings()
    elsewhere = hinted.went(syn())
    assert elsewhere not in (0, home)
    change(hinted, home, State.UP)
    assert hinted.went(ack()) == elsewhere
    assert hinted.outcomes() == {"LATE": 1}
    assert hinted.connect(port=7) == home


def test_a_hint_for_where_the_former_ring_had_led_is_not_late(hinted: Hinted) -> None:
    hinted.use(affinity=Affinity.CLIENT)
    home, _ = hinted.chosen(syn())
    change(hinted, home, State.DOWN)
    hinted.rig.forget_former_rings()
    elsewhere = hinted.went(syn())
    hinted.push(elsewhere)
    change(hinted, home, State.UP)
    assert hinted.went(ack()) == elsewhere
    assert hinted.outcomes() == {"PUSHED": 1}


def test_what_came_late_teaches_nothing(hinted: Hinted) -> None:
    """Else whoever sends in a client's name would move its hint, with no connection at all."""
    hinted.use(there=NOTHING, learn=Learn.ALL)
    for client in map(nth, range(20)):
        number = hinted.talk(client)
        for port in range(50000, 50010):
            for _ in range(4):
                hinted.rig.count(ack(client, port, b"data"))
            seen = hinted.seen(client=client)
            assert seen
            assert seen.number == number
    assert hinted.outcomes()["LATE"] > 50


def test_a_syn_teaches_nothing_whatever_it_has_with_it(hinted: Hinted) -> None:
    hinted.use(learn=Learn.ALL)
    hinted.push(next(n for n in hinted.numbers if n != hinted.chosen(syn())[0]))
    for _ in range(5):
        hinted.rig.count(syn(data=b"fast open"))
    assert hinted.rig.trace(syn()).known_flow
    assert hinted.seen() is None


def test_packets_without_payload_are_not_handed_over_to_be_learned_from(hinted: Hinted) -> None:
    """A download is ACKs: none of them is to pay for what cannot be learned from it."""
    hinted.use(there=NOTHING, learn=Learn.ALL)
    hinted.connect()
    hinted.rig.count(ack(data=b"request"))
    maps = hinted.rig.datapath._maps
    syscall.map_delete(maps.fds["programs"], struct.pack("=I", PROGRAMS.index("learner")))
    try:
        assert hinted.rig.count(ack()).action == "XDP_REDIRECT"
        assert hinted.rig.count(ack(data=b"more")).action != "XDP_REDIRECT"
    finally:
        maps.load_callees(HINTS, HINTS.programs)


@pytest.mark.parametrize(("left", "outcome"), [(22, "CID"), (21, "BASE"), (0, "BASE")])
def test_an_id_is_read_from_the_datagram_and_not_from_behind_it(
    rig: Rig, left: int, outcome: str
) -> None:
    """Ethernet pads short frames, with whatever the sender likes."""
    hinted = Hinted(rig, UDP4)
    hinted.use(quic=(quic(4),))
    base, _ = hinted.chosen(datagram())
    hinted.set_ids(next(n for n in hinted.numbers if n != base), server_id(4))
    frame = datagram(data=short(connection_id(server_id(4))))
    cut = frame[:16] + struct.pack("!H", 20 + 8 + left) + frame[18:]
    assert hinted.chosen(cut)[1] == outcome


def test_hints_that_nobody_uses_are_forgotten_with_their_generations(hinted: Hinted) -> None:
    hinted.use(learn=Learn.ALL)
    wanted = hinted.numbers[0]
    hinted.rig.world.change(TCP4, wanted, generation=0)
    hinted.rig.place()
    hinted.push(wanted)
    hinted.use(there=NOTHING)
    assert not hinted.hints.active
    placed = hinted.rig.world.services[TCP4]
    hinted.rig.world.remove_backend(TCP4, wanted)
    hinted.rig.place()
    hinted.rig.world.services[TCP4] = placed
    hinted.rig.place()
    hinted.use()
    assert hinted.chosen(syn())[1] == "BASE"
