"""Path MTU: what does not fit once it is encapsulated, and what the sender is told."""

from __future__ import annotations

import pytest
from scapy.all import ICMP, IP, TCP, IPOption_NOP, IPv6ExtHdrDestOpt, Packet, PadN, Raw

from accel.model.backend import Mode
from tests.support.packets.packets import (
    LINK,
    LINK_BACK,
    QINQ,
    VLAN5,
    frag_needed,
    leaves,
    packet_too_big,
    padded,
    tcp,
    to_api,
    udp,
)
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import API4, CLIENT4, MTU, WAYS, Way

IPIP4, L2DSR, LOCAL = WAYS["ipip4"], WAYS["l2dsr"], WAYS["local"]


def largest(way: Way) -> int:
    """What fits through `way`: 20 or 40 bytes of IP and 8 of UDP less than the MTU."""
    return MTU - (20 if way.outer == 4 else 40) - (8 if way.mode is Mode.GUE else 0)


def sized(version: int, header: Packet, size: int, **fields: object) -> Packet:
    """An IP packet of `size` bytes."""
    empty = to_api(version, **fields) / header
    return empty / Raw(bytes(i % 251 for i in range(size - len(empty))))


def told(packet: Packet, mtu: int, link: Packet = LINK_BACK) -> Packet:
    tell = frag_needed if packet.version == 4 else packet_too_big
    return tell(packet, mtu, link)


def refused(name: str, packet: Packet, service: str, way: Way, /, **row: object) -> Row:
    return Row(
        **{
            "name": name,
            "packet": LINK / packet,
            "verdict": "TOO_BIG",
            "service": service,
            "out": told(packet, largest(way)),
            **row,
        }
    )


TUNNELS = [w for w in WAYS.values() if w.mode in (Mode.IPIP, Mode.GUE) and w.backends == 1]

REFUSED = [
    refused(
        f"{name}{version} of {more} more than fits by {way.name}",
        sized(version, header, largest(way) + more, **({"flags": "DF"} if version == 4 else {})),
        f"{way.name}-{name}{version}",
        way,
    )
    for way in TUNNELS
    for version in (4, 6)
    for name, header in (("tcp", tcp(way.port, "PA")), ("udp", udp(way.port)))
    for more in (1, 20)
]

FITTING = [
    Row(
        name=f"{name}{version} that just fits by {way.name}",
        packet=LINK / packet,
        verdict="FORWARD_NEW",
        service=f"{way.name}-{name}{version}",
        out=leaves(way, packet),
        action="XDP_TX" if way.name == "hairpin" else "",
    )
    for way in TUNNELS
    for version in (4, 6)
    for name, header in (("tcp", tcp(way.port, "PA")), ("udp", udp(way.port)))
    for packet in [sized(version, header, largest(way))]
]

BIG4, BIG6 = sized(4, tcp(IPIP4.port), MTU), sized(6, tcp(IPIP4.port), MTU)
BEHIND_OPTIONS = (
    to_api(6)
    / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"1234")])
    / tcp(IPIP4.port)
    / Raw(bytes(1420))
)
KNOWN = LINK / to_api(4) / tcp(IPIP4.port)


def in_tags(name: str, packet: Packet, tags: Packet) -> Row:
    return refused(
        name,
        packet,
        f"ipip4-tcp{packet.version}",
        IPIP4,
        packet=LINK / tags / packet,
        out=told(packet, largest(IPIP4), LINK_BACK / tags),
    )


OTHERS = [
    in_tags("too big in a VLAN", BIG4, VLAN5),
    in_tags("too big in two VLANs", BIG4, QINQ),
    in_tags("too big in a VLAN over IPv6", BIG6, VLAN5),
    in_tags("too big in two VLANs over IPv6", BIG6, QINQ),
    refused("too big on a known flow", BIG4, "ipip4-tcp4", IPIP4, before=(KNOWN,)),
    refused(
        "too big with options",
        sized(4, tcp(IPIP4.port), MTU, options=[IPOption_NOP()] * 12),
        "ipip4-tcp4",
        IPIP4,
    ),
    refused("too big in a longer frame", BIG4, "ipip4-tcp4", IPIP4,
            packet=padded(LINK / BIG4, 14 + MTU + 6)),
    refused("too big behind extension headers", BEHIND_OPTIONS, "ipip4-tcp6", IPIP4),
    Row(
        name="no encapsulation, no limit of its own",
        packet=LINK / sized(4, tcp(L2DSR.port), MTU),
        verdict="FORWARD_NEW",
        service="l2dsr-tcp4",
        out=leaves(L2DSR, sized(4, tcp(L2DSR.port), MTU)),
    ),
    Row(
        name="up this host's own stack, whatever its size",
        packet=LINK / sized(4, tcp(LOCAL.port), 3000),
        verdict="FORWARD_NEW",
        service="local-tcp4",
        action="XDP_PASS",
    ),
    Row(
        name="too big, and too many were told so",
        packet=LINK / BIG4,
        verdict="TOO_BIG_LIMITED",
        service="ipip4-tcp4",
        change=lambda rig: rig.may_tell(False),
        traced=False,
    ),
    Row(
        name="an error that is too big itself: RFC 1122 3.2.2",
        packet=LINK / IP(src="203.0.113.1", dst=API4) / ICMP(type=3, code=4, nexthopmtu=1400)
        / IP(src=API4, dst=CLIENT4) / TCP(sport=IPIP4.port, dport=40001) / Raw(bytes(1413)),
        verdict="TOO_BIG_LIMITED",
        service="ipip4-tcp4",
    ),
    refused("too big without headroom", BIG4, "ipip4-tcp4", IPIP4, verdict="NO_ROOM",
            metadata=200, traced=False, out=None),
]  # fmt: skip

ROWS = [*REFUSED, *FITTING, *OTHERS]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


def test_answers_are_on_a_budget(rig: Rig) -> None:
    """Each one told moves the time of the next full budget on by a millisecond at least."""
    frame = bytes(LINK / BIG4)
    budgets = []
    for _ in range(3):
        assert rig.count(frame).action == "XDP_TX"
        budgets.append(rig.budget())
    assert budgets[0] > 0
    assert budgets == sorted(set(budgets))
    rig.may_tell(False)
    spent = rig.budget()
    assert rig.count(frame).action == "XDP_DROP"
    assert rig.budget() == spent, "what is not told costs nothing"


def test_a_burst_is_told_whole(rig: Rig) -> None:
    frame = bytes(LINK / BIG4)
    assert {rig.count(frame).action for _ in range(100)} == {"XDP_TX"}
