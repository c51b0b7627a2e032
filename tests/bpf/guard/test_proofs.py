"""Mode auth: which answers prove a source, what that is worth, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scapy.all import Packet

from accel.datapath.layout import CONSTANTS
from tests.support.guard.guarding import (
    ATTACKED,
    CURRENT,
    IPIP4,
    JUST_ATTACKED,
    OF_VERSION,
    SPARE,
    TCP4,
    TCP6,
    WATCHED,
    challenge,
    number,
    proof,
    rst,
    stance,
    syn,
)
from tests.support.packets.packets import CLIENT_PORT, LINK, QINQ, leaves, padded, tcp, to_api
from tests.support.packets.rig import GUARD_KEYS, Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import API4, WAYS

ON = {name: stance(ATTACKED) for name in (TCP4, TCP6)}
LIFETIME = CONSTANTS["LIFETIME"]
CLAIMED, CLAIMED6 = number(syn()), number(syn(6))
OTHER_KEYS = tuple((a ^ 1, b) for a, b in GUARD_KEYS.challenge)

RIGHT: dict[str, Packet] = {
    "the number": rst(CLAIMED),
    "with the spare bit: its SYN had the number taken": rst(CLAIMED ^ SPARE),
    "by the key before": rst(number(syn(), CURRENT - 1)),
    "with ACK": rst(CLAIMED, flags="RA"),
    "with FIN": rst(CLAIMED, flags="RF"),
    "with data": rst(CLAIMED) / b"reset",
    "in two tags": LINK / QINQ / rst(CLAIMED).payload,
    "padded": padded(rst(CLAIMED)),
    "with IP options": rst(CLAIMED, options=[b"\x01" * 8]),
}
WRONG: dict[str, Packet] = {
    "by the key two before": rst(number(syn(), CURRENT - 2)),
    "by the key three before": rst(number(syn(), CURRENT - 3)),
    "by the next key": rst(number(syn(), CURRENT + 1)),
    "by a key of another gateway": rst(number(syn(), keys=OTHER_KEYS)),
    "one more": rst(CLAIMED + 1),
    "one less": rst(CLAIMED - 1),
    "the current key by the bits of the one before": rst(CLAIMED ^ 1 << 30),
    "0": rst(0),
    "from another port": LINK
    / to_api(4)
    / tcp(IPIP4.port, "R", seq=CLAIMED, sport=CLIENT_PORT + 1),
    "from another address": rst(CLAIMED, src="198.51.100.8"),
    "the other way round": rst(number(syn(src=API4, dst="198.51.100.7"))),
}
IPV6 = {
    "the number": (proof(6), True),
    "by the key before": (rst(number(syn(6), CURRENT - 1), 6), True),
    "by the key two before": (rst(number(syn(6), CURRENT - 2), 6), False),
    "from another address of its /64": (rst(CLAIMED6, 6, src="2001:db8:c::8"), False),
    "from another /64": (rst(CLAIMED6, 6, src="2001:db8:c:1::7"), False),
}


def answer(name: str, packet: Packet, *, proves: bool, version: int = 4) -> Row:
    return Row(
        name=f"an RST over IPv{version}, {name}",
        packet=packet,
        verdict="PROVEN" if proves else "UNKNOWN_FLOW",
        service=OF_VERSION[version],
        backend=0,
        guards=ON,
    )


ANSWERS = [
    *(answer(name, packet, proves=True) for name, packet in RIGHT.items()),
    *(answer(name, packet, proves=False) for name, packet in WRONG.items()),
    *(answer(name, packet, proves=proves, version=6) for name, (packet, proves) in IPV6.items()),
    *(
        Row(
            name=f"an answer {when}",
            packet=proof(),
            verdict="PROVEN",
            service=TCP4,
            backend=0,
            guards={TCP4: stance(levels)},
        )
        for when, levels in (("just after an attack", JUST_ATTACKED), ("at monitor", WATCHED))
    ),
    Row(
        name="an answer to nobody, while all is quiet",
        packet=proof(),
        verdict="FORWARD_NEW",
        service=TCP4,
        out=leaves(IPIP4, proof().payload),
    ),
]


def passes(name: str, packet: Packet, before: tuple[Packet, ...], **more: Any) -> Row:
    """It goes to the backend, for its source is proven."""
    version = 6 if packet.type == 0x86DD else 4
    row = Row(
        name=name,
        packet=packet,
        verdict="FORWARD_SYN",
        service=OF_VERSION[version],
        out=leaves(IPIP4, packet.payload),
        before=before,
        guards=ON,
    )
    return replace(row, **more)


def stopped(name: str, packet: Packet, before: tuple[Packet, ...], **more: Any) -> Row:
    """It is challenged: what came before does not prove its source."""
    version = 6 if packet.type == 0x86DD else 4
    generation = more.pop("generation", CURRENT)
    assert isinstance(generation, int)
    row = Row(
        name=name,
        packet=packet,
        verdict="CHALLENGED",
        service=OF_VERSION[version],
        backend=0,
        out=challenge(packet, generation=generation),
        before=before,
        guards=ON,
    )
    return replace(row, **more)


def epochs(count: int) -> Callable[[Rig], None]:
    return lambda rig: rig.next_epoch(count)


def unswept(count: int) -> Callable[[Rig], None]:
    """Epochs pass, and nobody sweeps."""

    def pass_by(rig: Rig) -> None:
        rig.settings.view("uint32")[0] += count

    return pass_by


def roll(count: int) -> Callable[[Rig], None]:
    def to_next(rig: Rig) -> None:
        rig.keys = replace(rig.keys, generation=rig.keys.generation + count)

    return to_next


ack = LINK / to_api(4) / tcp(IPIP4.port)
elsewhere = LINK / to_api(4) / tcp(WAYS["gue4"].port, "S")
PROVEN = [
    passes("the SYN again", syn(), (syn(), proof())),
    passes("a SYN of another port", syn(port=50000), (syn(), proof())),
    passes("the SYN again over IPv6", syn(6), (syn(6), proof(6))),
    passes("of the same /64", syn(6, src="2001:db8:c::ffff:1"), (proof(6),)),
    stopped("of another /64", syn(6, src="2001:db8:c:1::7"), (proof(6),)),
    stopped("of another address", syn(src="198.51.100.8"), (proof(),)),
    stopped("of one that gave a wrong number", syn(), (syn(), rst(CLAIMED + 1))),
    stopped("IPv6 of one proven over IPv4", syn(6), (proof(),)),
    passes(
        "to another service, too",
        elsewhere,
        (proof(),),
        service="gue4-tcp4",
        out=leaves(WAYS["gue4"], elsewhere.payload),
        guards={**ON, "gue4-tcp4": stance(ATTACKED)},
    ),
    passes(
        "the ACK of its handshake",
        ack,
        (proof(), syn()),
        verdict="FORWARD_NEW",
        out=leaves(IPIP4, ack.payload),
    ),
    passes("remembered for its lifetime", syn(), (proof(),), change=epochs(LIFETIME)),
    stopped("forgotten after it", syn(), (proof(),), change=epochs(LIFETIME + 1)),
    stopped(
        "forgotten after it, before any sweep", syn(), (proof(),), change=unswept(LIFETIME + 1)
    ),
    stopped(
        "never young again",
        syn(),
        (proof(),),
        change=epochs(CONSTANTS["AGES"]),
    ),
    stopped("challenged by the new key", syn(), (), change=roll(1), generation=CURRENT + 1),
    *(
        Row(
            name=f"an answer {count} keys late",
            packet=proof(),
            verdict="PROVEN" if count < 2 else "UNKNOWN_FLOW",
            service=TCP4,
            backend=0,
            before=(syn(),),
            change=roll(count),
            guards=ON,
        )
        for count in range(4)  # by the next one there is another key in its place
    ),
]

ROWS = [*ANSWERS, *PROVEN]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


def verdict(rig: Rig, packet: Packet) -> str:
    return rig.trace(bytes(packet)).verdict.name


def test_who_keeps_coming_stays_proven(rig: Rig) -> None:
    rig.guard(ON)
    rig.count(bytes(proof()))
    for _ in range(4):
        rig.next_epoch(LIFETIME)
        assert verdict(rig, syn()) == "FORWARD_SYN"
        rig.count(bytes(syn()))
    rig.next_epoch(LIFETIME + 1)
    assert verdict(rig, syn()) == "CHALLENGED"


def test_an_explained_packet_keeps_nobody_proven(rig: Rig) -> None:
    rig.guard(ON)
    rig.count(bytes(proof()))
    rig.next_epoch(LIFETIME)
    assert verdict(rig, syn()) == "FORWARD_SYN"
    rig.next_epoch()
    assert verdict(rig, syn()) == "CHALLENGED"


@pytest.mark.parametrize("generation", [0, 1, 2, 3, 4, (1 << 32) - 1])
def test_generations_turn_over(rig: Rig, generation: int) -> None:
    rig.guard(ON)
    rig.keys = replace(GUARD_KEYS, generation=generation)
    for back, name in ((0, "PROVEN"), (1, "PROVEN"), (2, "UNKNOWN_FLOW"), (3, "UNKNOWN_FLOW")):
        assert verdict(rig, rst(number(syn(), (generation - back) % 4))) == name


def test_a_source_is_one_word(rig: Rig) -> None:
    """However often and by whatever port it answers."""
    rig.guard(ON)
    for port in range(100):
        rig.count(bytes(LINK / to_api(4) / tcp(IPIP4.port, "R", seq=CLAIMED)))
        frame = syn(port=1000 + port)
        answer = LINK / to_api(4) / tcp(IPIP4.port, "R", seq=number(frame), sport=1000 + port)
        rig.count(bytes(answer))
        rig.count(bytes(frame))
    assert (rig.words("proven") != 0).sum() == 1
    assert (rig.flow_words != 0).sum() == 0
