"""Mode retransmit: a first SYN is dropped, and what of it that comes again proves its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scapy.all import Packet

from accel.datapath.layout import ticks_per_second
from accel.model.guard import GuardMode
from tests.support.guard.guarding import (
    ATTACKED,
    IPIP4,
    OF_VERSION,
    STATES,
    TCP4,
    TCP6,
    stance,
    syn,
)
from tests.support.packets.packets import CLIENT_PORT, LINK, QINQ, leaves, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import WAYS

MODE = GuardMode.RETRANSMIT
ON = {name: stance(ATTACKED, MODE) for name in (TCP4, TCP6)}
SHORTEST, LONGEST = 0.5, 4.0  # seconds
TICK = 1 / ticks_per_second()
NEARLY = 0.06  # seconds: a run of a packet is now and then held up for less


def after(*seconds: float) -> Callable[[Rig], None]:
    def pass_time(rig: Rig) -> None:
        for each in seconds:
            rig.pass_time(each)

    return pass_time


def dropped(name: str, packet: Packet, before: tuple[Packet, ...] = (), **more: Any) -> Row:
    version = 6 if packet.type == 0x86DD else 4
    row = Row(
        name=name,
        packet=packet,
        verdict="FIRST_SYN",
        service=OF_VERSION[version],
        backend=0,
        before=before,
        guards=ON,
    )
    return replace(row, **more)


def passes(name: str, packet: Packet, before: tuple[Packet, ...], **more: Any) -> Row:
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


def again(name: str, seconds: float, version: int = 4) -> Row:
    """The same SYN, so many seconds later."""
    in_time = SHORTEST <= seconds <= LONGEST
    packet = syn(version)
    kind = passes if in_time else dropped
    return kind(f"again after {name} over IPv{version}", packet, (packet,), change=after(seconds))


AGAIN = [
    again(name, seconds, version)
    for version in (4, 6)
    for name, seconds in {
        "no time": 0,
        "a fifth of a second": 0.2,
        "just not half a second": SHORTEST - NEARLY,
        "half a second": SHORTEST + TICK,
        "a second, as RFC 6298 says": 1,
        "three seconds": 3,
        "just four seconds": LONGEST - NEARLY,
        "more than four seconds": LONGEST + 2 * TICK,
        "seven seconds": 7,
        "a minute": 60,
    }.items()
]
OTHERS = [
    dropped("another port", syn(port=CLIENT_PORT + 1), (syn(),), change=after(1)),
    dropped("another address", syn(src="198.51.100.8"), (syn(),), change=after(1)),
    dropped("another of the /64", syn(6, src="2001:db8:c::8"), (syn(6),), change=after(1)),
    dropped(
        "another service",
        LINK / to_api(4) / tcp(WAYS["gue4"].port, "S"),
        (syn(),),
        change=after(1),
        service="gue4-tcp4",
        guards={**ON, "gue4-tcp4": stance(ATTACKED, MODE)},
    ),
    dropped(
        "another sequence number",
        LINK / to_api(4) / tcp(IPIP4.port, "S", seq=77),
        (syn(),),
        change=after(1),
    ),
    passes(
        "with other options and tags",
        LINK / QINQ / to_api(4) / tcp(IPIP4.port, "SEC", options=[("MSS", 536)]),
        (syn(),),
        change=after(1),
        service=TCP4,
        out=leaves(IPIP4, to_api(4) / tcp(IPIP4.port, "SEC", options=[("MSS", 536)])),
    ),
]
MONITOR = [
    passes(
        "at monitor it passes, and is noted",
        syn(),
        (),
        guards={TCP4: stance(STATES["watched"], MODE)},
        noted=("FIRST_SYN",),
    ),
]
ROWS = [dropped("the first SYN", syn()), dropped("over IPv6", syn(6)), *AGAIN, *OTHERS, *MONITOR]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


def verdicts(rig: Rig, *packets: Packet) -> list[str]:
    """Of packets that are counted one after the other."""
    found = []
    for packet in packets:
        found.append(rig.trace(bytes(packet)).verdict.name)
        rig.count(bytes(packet))
    return found


def test_once_it_has_come_again_its_source_is_proven(rig: Rig) -> None:
    rig.guard(ON)
    rig.count(bytes(syn()))
    rig.pass_time(1)
    ack = LINK / to_api(4) / tcp(IPIP4.port)
    found = verdicts(rig, syn(), ack, ack, syn(port=50000), syn(src="198.51.100.8"))
    assert found == ["FORWARD_SYN", "FORWARD_NEW", "FORWARD_FLOW", "FORWARD_SYN", "FIRST_SYN"]


def test_too_late_is_a_first_one_again(rig: Rig) -> None:
    """Linux sends after 1, 3, 7 and 15 seconds: what is lost of those makes the wait longer."""
    rig.guard(ON)
    rig.count(bytes(syn()))
    rig.pass_time(7)
    assert verdicts(rig, syn()) == ["FIRST_SYN"]
    rig.pass_time(1)
    assert verdicts(rig, syn()) == ["FORWARD_SYN"]


def test_too_early_does_not_put_it_off(rig: Rig) -> None:
    rig.guard(ON)
    for _ in range(6):
        assert verdicts(rig, syn()) == ["FIRST_SYN"]
        rig.pass_time(0.09)
    assert verdicts(rig, syn()) == ["FORWARD_SYN"]


def test_an_explained_syn_is_not_waited_for(rig: Rig) -> None:
    rig.guard(ON)
    rig.trace(bytes(syn()))
    rig.pass_time(1)
    assert rig.trace(bytes(syn())).verdict.name == "FIRST_SYN"
    assert not rig.words("first_syns").any()


def test_an_explained_retransmission_proves_nobody(rig: Rig) -> None:
    rig.guard(ON)
    rig.count(bytes(syn()))
    rig.pass_time(1)
    assert rig.trace(bytes(syn())).verdict.name == "FORWARD_SYN"
    assert not rig.words("proven").any()


def test_a_full_bucket_forgets_the_syn_that_came_first(rig: Rig) -> None:
    """A flood pushes out what is older than itself, not what has just come."""
    rig.guard(ON)
    for number in range(len(rig.words("first_syns")) * 3):
        source = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        rig.count(_syn_of(source))
        if number % 1000 == 0:
            rig.pass_time(0.001)
    assert (rig.words("first_syns") != 0).all()
    rig.pass_time(0.2)
    rig.count(bytes(syn()))
    for number in range(2000):
        rig.count(_syn_of(f"11.0.{number >> 8}.{number & 255}"))
    rig.pass_time(0.6)
    assert rig.trace(bytes(syn())).verdict.name == "FORWARD_SYN"


_FRAME = bytes(syn())


def _syn_of(source: str) -> bytes:
    return _FRAME[:26] + bytes(map(int, source.split("."))) + _FRAME[30:]
