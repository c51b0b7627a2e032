"""Packets for bpf/programs/decap.bpf.c, and what becomes of them.

Expected packets are written from the RFCs: RFC 2003 and 2473 (IPIP), draft-ietf-intarea-gue,
RFC 6040 (congestion).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, fragment
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    Pad1,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3

gateway4, gateway6 = "10.0.1.10", "fd00:1::a"
stranger4, stranger6 = "10.9.9.9", "fd00:9::9"
backend4, backend6 = "10.0.2.101", "fd00:2::65"
other4, other6 = "10.0.2.102", "fd00:2::66"
client4, client6 = "203.0.113.10", "2001:db8:c::a"
service4, service6 = "198.51.100.1", "2001:db8:5e::1"

eth = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
outer4 = IP(src=gateway4, dst=backend4, ttl=64)
outer6 = IPv6(src=gateway6, dst=backend6, hlim=64)
api4 = IP(src=client4, dst=service4) / TCP(sport=40000, dport=443, flags="S")
api6 = IPv6(src=client6, dst=service6) / TCP(sport=40000, dport=443, flags="S")
gue = UDP(sport=50000, dport=6080, chksum=0)


def gue0(*, protocol: int, first: int = 0, flags: int = 0, rest: bytes = b"") -> Raw:
    """The header of variant 0: variant, control, length of extensions; protocol; flags."""
    return Raw(bytes([first, protocol]) + flags.to_bytes(2, "big") + rest)


def inner4(ecn: int) -> Packet:
    return IP(src=client4, dst=service4, tos=0xB8 | ecn) / TCP(sport=1, dport=443) / b"data"


def inner6(ecn: int) -> Packet:
    return IPv6(src=client6, dst=service6, tc=0xB8 | ecn, fl=0x12345) / TCP(dport=443) / b"data"


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    packet: Packet
    verdict: str
    expected: Packet | None = None  # None: the packet as it came in


def unwrapped(name: str, packet: Packet, expected: Packet) -> Row:
    return Row(name=name, packet=packet, verdict="unwrapped", expected=expected)


def cut(packet: Packet, length: int) -> Raw:
    """The first `length` bytes of the frame."""
    return Raw(bytes(packet)[:length])


def congestion_rows() -> Iterator[Row]:
    """RFC 6040 figure 4: outer across, inner down. None: dropped."""
    table: dict[int, dict[int, int | None]] = {
        NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
        ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
        ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
        CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
    }
    for inner, row in table.items():
        for outer, left in row.items():
            out4, out6 = outer4.copy(), outer6.copy()
            out4.tos, out6.tc = outer, outer
            for what, header, packet in (("4in4", out4, inner4), ("6in6", out6, inner6)):
                name = f"congestion {what} outer {outer} inner {inner}"
                framed = eth / header / packet(inner)
                if left is None:
                    yield Row(name=name, packet=framed, verdict="congestion_lost")
                else:
                    yield unwrapped(name, framed, eth / packet(left))


ROWS = [
    # RFC 2003, RFC 2473: all four combinations.
    unwrapped("4in4", eth / outer4 / api4, eth / api4),
    unwrapped("6in4", eth / outer4 / api6, eth / api6),
    unwrapped("4in6", eth / outer6 / api4, eth / api4),
    unwrapped("6in6", eth / outer6 / api6, eth / api6),
    unwrapped(
        "inner ICMP", eth / outer4 / IP(dst=service4) / ICMP(), eth / IP(dst=service4) / ICMP()
    ),
    unwrapped(
        "inner fragment",
        eth / outer4 / IP(dst=service4, frag=100, proto=6) / b"later",
        eth / IP(dst=service4, frag=100, proto=6) / b"later",
    ),
    unwrapped(
        "padding of a short frame stays behind",
        eth / outer4 / api4 / Raw(b"\0" * 6),
        eth / api4 / Raw(b"\0" * 6),
    ),
    unwrapped(
        "outer options",
        eth / IP(src=gateway4, dst=backend4, options=[IPOption_NOP()] * 4) / api4,
        eth / api4,
    ),
    unwrapped(
        "inner options",
        eth / outer4 / IP(dst=service4, options=[IPOption_NOP()] * 4) / TCP(),
        eth / IP(dst=service4, options=[IPOption_NOP()] * 4) / TCP(),
    ),
    unwrapped(
        "encapsulation limit of RFC 2473",
        eth / outer6 / IPv6ExtHdrDestOpt(options=[Pad1()]) / api6,
        eth / api6,
    ),
    # draft-ietf-intarea-gue
    unwrapped("gue 1 4in4", eth / outer4 / gue / api4, eth / api4),
    unwrapped("gue 1 6in4", eth / outer4 / gue / api6, eth / api6),
    unwrapped("gue 1 4in6", eth / outer6 / gue / api4, eth / api4),
    unwrapped("gue 1 6in6", eth / outer6 / gue / api6, eth / api6),
    unwrapped("gue 0 4in4", eth / outer4 / gue / gue0(protocol=4) / api4, eth / api4),
    unwrapped("gue 0 6in6", eth / outer6 / gue / gue0(protocol=41) / api6, eth / api6),
    # Tags stay.
    unwrapped("vlan", eth / Dot1Q(vlan=7) / outer4 / api6, eth / Dot1Q(vlan=7) / api6),
    unwrapped(
        "vlan, priority",
        eth / Dot1Q(vlan=7, prio=5) / outer6 / api4,
        eth / Dot1Q(vlan=7, prio=5) / api4,
    ),
    unwrapped(
        "two tags",
        eth / Dot1AD(vlan=8) / Dot1Q(vlan=7) / outer4 / gue / api4,
        eth / Dot1AD(vlan=8) / Dot1Q(vlan=7) / api4,
    ),
    *congestion_rows(),
    # Not for us: untouched.
    Row(name="arp", packet=eth / ARP(), verdict="not_ip"),
    Row(name="plain tcp", packet=eth / IP(dst=backend4) / TCP(dport=443), verdict="not_tunnel"),
    Row(name="plain udp", packet=eth / IPv6(dst=backend6) / UDP(dport=53), verdict="not_tunnel"),
    Row(name="ping", packet=eth / IP(dst=backend4) / ICMP(), verdict="not_tunnel"),
    Row(
        name="a later fragment of udp",
        packet=eth / IP(src=gateway4, dst=backend4, frag=185, proto=17) / b"more",
        verdict="not_tunnel",
    ),
    Row(
        name="l2dsr: the service's own packet",
        packet=eth / IP(src=client4, dst=service4) / TCP(dport=443),
        verdict="not_tunnel",
    ),
    Row(
        name="for another host",
        packet=eth / IP(src=gateway4, dst=other4) / api4,
        verdict="not_ours",
    ),
    Row(
        name="for another host, v6",
        packet=eth / IPv6(src=gateway6, dst=other6) / gue / api6,
        verdict="not_ours",
    ),
    Row(name="cut ethernet header", packet=cut(eth / Dot1Q() / outer4, 16), verdict="broken"),
    Row(name="cut outer v4", packet=cut(eth / outer4 / api4, 14 + 19), verdict="broken"),
    Row(name="cut outer v6", packet=cut(eth / outer6 / api6, 14 + 39), verdict="broken"),
    Row(name="outer promises more", packet=cut(eth / outer4 / api4, 60), verdict="broken"),
    # For us, and refused.
    Row(
        name="stranger",
        packet=eth / IP(src=stranger4, dst=backend4) / api4,
        verdict="source_refused",
    ),
    Row(
        name="stranger v6",
        packet=eth / IPv6(src=stranger6, dst=backend6) / gue / api6,
        verdict="source_refused",
    ),
    Row(
        name="a v4 prefix is no v6 prefix",
        packet=eth / IPv6(src="::10.0.1.10", dst=backend6) / api6,
        verdict="source_refused",
    ),
    Row(
        name="outer later fragment",
        packet=eth / IP(src=gateway4, dst=backend4, frag=185, proto=4) / b"more",
        verdict="fragment",
    ),
    Row(
        name="outer first fragment",
        packet=fragment(eth / outer4 / api4 / Raw(b"x" * 2000), fragsize=1400)[0],
        verdict="inner_broken",
    ),
    Row(
        name="outer later fragment v6",
        packet=eth / outer6 / IPv6ExtHdrFragment(nh=41, offset=100) / b"more",
        verdict="fragment",
    ),
    Row(
        name="gue control message",
        packet=eth / outer4 / gue / gue0(first=0x20, protocol=4) / api4,
        verdict="gue_refused",
    ),
    Row(
        name="gue extension",
        packet=eth / outer4 / gue / gue0(first=1, protocol=4, rest=bytes(4)) / api4,
        verdict="gue_refused",
    ),
    Row(
        name="gue flags",
        packet=eth / outer4 / gue / gue0(protocol=4, flags=0x8000) / api4,
        verdict="gue_refused",
    ),
    Row(
        name="gue with another payload",
        packet=eth / outer4 / gue / gue0(protocol=47) / api4,
        verdict="gue_refused",
    ),
    Row(
        name="gue variant 2",
        packet=eth / outer4 / gue / gue0(first=0x80, protocol=4) / api4,
        verdict="gue_refused",
    ),
    Row(
        name="gue variant 1 that is no IP",
        packet=eth / outer4 / gue / Raw(b"\x50" + bytes(30)),
        verdict="gue_refused",
    ),
    Row(name="gue without a payload", packet=eth / outer4 / gue, verdict="inner_broken"),
    Row(
        name="gue longer than the packet",
        packet=eth / outer4 / UDP(dport=6080, len=2000) / api4,
        verdict="inner_broken",
    ),
    Row(
        name="inner is 6, said to be 4",
        packet=eth / IP(src=gateway4, dst=backend4, proto=4) / Raw(bytes(api6)),
        verdict="inner_broken",
    ),
    Row(
        name="inner header too short",
        packet=eth / IP(src=gateway4, dst=backend4, proto=4) / IP(ihl=4, dst=service4) / TCP(),
        verdict="inner_broken",
    ),
    Row(
        name="inner promises more",
        packet=eth / outer4 / IP(dst=service4, len=41) / TCP(),
        verdict="inner_broken",
    ),
    Row(
        name="inner total length below its header",
        packet=eth / outer4 / IP(dst=service4, len=19) / TCP(),
        verdict="inner_broken",
    ),
    Row(
        name="inner v6 promises more",
        packet=eth / outer6 / IPv6(dst=service6, plen=21) / TCP(),
        verdict="inner_broken",
    ),
    Row(name="two tunnels", packet=eth / outer4 / outer4 / api4, verdict="nested"),
    Row(name="two tunnels v6", packet=eth / outer6 / gue / outer6 / api6, verdict="nested"),
]

# What stands around the inner packet, for cutting that one: the outer lengths fit the cut.
TUNNELS = {
    "4in4": (eth / IP(src=gateway4, dst=backend4, proto=4), api4),
    "6in4": (eth / IP(src=gateway4, dst=backend4, proto=41), api6),
    "6in6": (eth / IPv6(src=gateway6, dst=backend6, nh=41), api6),
    "extension": (eth / outer6 / IPv6ExtHdrHopByHop(nh=41, options=[Pad1()]), api6),
    "gue 1": (eth / outer4 / gue, api6),
    "gue 0": (eth / outer6 / gue / gue0(protocol=4), api4),
    "tags": (eth / Dot1AD(vlan=8) / Dot1Q(vlan=7) / IP(src=gateway4, dst=backend4, proto=4), api4),
}
