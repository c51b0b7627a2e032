"""Guards with rates, the packets that they limit, and which of these pass."""

from __future__ import annotations

from scapy.all import ICMP, IP, ICMPv6EchoRequest, IPv6

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.layout import ticks_per_second
from accel.model.guard import Rate
from tests.support.guard.guarding import ATTACKED, IPIP4, stance
from tests.support.packets.clock import TICK
from tests.support.packets.of_clients import OfClients
from tests.support.packets.packets import CLIENT_PORT, LINK, udp
from tests.support.packets.rig import Rig
from tests.support.packets.world import API4, API6, CLIENT4, CLIENT6

UDP6 = "ipip4-udp6"
SECOND = ticks_per_second() * TICK
LIMITED = {**ATTACKED, Rule.SYN_RATE: Level.ON}
SLOWER = 16  # for what must not end before the machine has time for the next packet

QUERIES = {version: OfClients(version, udp(IPIP4.port)) for version in (4, 6)}


def query(source: str = "", version: int = 4) -> bytes:
    """A datagram."""
    return QUERIES[version].frame(source or {4: CLIENT4, 6: CLIENT6}[version], CLIENT_PORT)


def ping(source: str = CLIENT4, destination: str = API4) -> bytes:
    return bytes(LINK / IP(src=source, dst=destination) / ICMP(id=1, seq=1) / b"ping")


def ping6(source: str = "2001:db8:c::7") -> bytes:
    return bytes(LINK / IPv6(src=source, dst=API6) / ICMPv6EchoRequest(id=1, seq=1))


def passing(rig: Rig, frames: list[bytes], verdict: str) -> list[int]:
    """Which of `frames`, counted one after the other, are not dropped with `verdict`."""
    found = []
    for position, frame in enumerate(frames):
        traced = rig.trace(frame).verdict.name
        done = rig.count(frame)
        assert (done.action == "XDP_DROP") == (traced == verdict), "explained, then otherwise"
        if traced != verdict:
            found.append(position)
    return found


def guard(rig: Rig, stances: dict[str, Stance]) -> None:
    """With rates as they are said, but slower: no token comes back before a test is over."""
    rig.guard(stances)
    rig.slow_down(SLOWER)


def limited(rule: Rule, level: Level = Level.ON, /, **rates: Rate) -> Stance:
    return stance({rule: level}, **rates)
