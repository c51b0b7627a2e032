"""How packets are written: what a client sends, and what leaves for a backend.

All are scapy expressions after the RFCs; scapy computes every length and checksum. What leaves is
never taken from the code under test, but for the two fields that are the gateway's to choose:
`row.check` takes over the flow label and the source port of GUE, within what is allowed.
"""

from __future__ import annotations

from scapy.all import (
    ICMP,
    IP,
    TCP,
    UDP,
    Dot1AD,
    Dot1Q,
    Ether,
    ICMPv6PacketTooBig,
    IPv6,
    Packet,
    Padding,
    Raw,
)

from accel.model.backend import Mode
from tests.support.packets.world import (
    API4,
    API6,
    BACKEND4,
    BACKEND6,
    CLIENT4,
    CLIENT6,
    CLIENT_MAC,
    GATEWAY4,
    GATEWAY6,
    GATEWAY_MAC,
    GUE_PORT,
    HOP_MAC,
    OUT_MAC,
    Way,
)

CLIENT_PORT = 40001
CHOSEN_LABEL = 0xABCDE  # stands for: any flow label
CHOSEN_PORT = 0  # stands for: any source port from 49152 up
DSCP_ECN = 0xB9  # DSCP 46 (EF) and ECT(1)

LINK = Ether(src=CLIENT_MAC, dst=GATEWAY_MAC)
LINK_BACK = Ether(src=GATEWAY_MAC, dst=CLIENT_MAC)
LINK_OUT = Ether(src=OUT_MAC, dst=HOP_MAC)
VLAN5 = Dot1Q(vlan=5, prio=3)
QINQ = Dot1AD(vlan=9, type=0x8100) / Dot1Q(vlan=5)


def to_api(version: int, api: str = "", /, **fields: object) -> Packet:
    """The IP header of what a client sends to the API."""
    if version == 4:
        return IP(**{"src": CLIENT4, "dst": api or API4, "ttl": 61, "id": 7, **fields})
    return IPv6(**{"src": CLIENT6, "dst": api or API6, "hlim": 61, "fl": 0x11111, **fields})


def tcp(port: int, flags: str = "A", **fields: object) -> Packet:
    """A TCP header to `port` of the API."""
    return TCP(**{"sport": CLIENT_PORT, "dport": port, "flags": flags, "seq": 1000, **fields})


def udp(port: int, **fields: object) -> Packet:
    """A UDP header to `port` of the API."""
    return UDP(**{"sport": CLIENT_PORT, "dport": port, **fields})


def transport(protocol: str, port: int) -> Packet:
    """What an established flow of either protocol sends."""
    return (tcp(port) if protocol == "tcp" else udp(port)) / b"GET /v1/items\r\n"


def leaves(way: Way, packet: Packet) -> Packet:
    """The frame that carries `packet` (from its IP header on) to a backend of `way`."""
    link = LINK_OUT / Dot1Q(vlan=way.vlan) if way.vlan else LINK_OUT
    if way.mode is Mode.L2DSR:
        return link / packet
    tos = packet.tos if packet.version == 4 else packet.tc
    if way.outer == 4:
        outer = IP(src=GATEWAY4, dst=BACKEND4, ttl=64, id=0, flags="DF", tos=tos)  # RFC 2003
    else:
        outer = IPv6(src=GATEWAY6, dst=BACKEND6, hlim=64, tc=tos, fl=CHOSEN_LABEL)  # RFC 2473
    if way.mode is Mode.GUE:  # draft-ietf-intarea-gue 4, RFC 6935
        outer = outer / UDP(sport=CHOSEN_PORT, dport=GUE_PORT, chksum=0)
    return link / outer / packet


def padded(packet: Packet, size: int = 60) -> Packet:
    """As Ethernet sends it: `size` bytes at least, the frame check sequence not counted."""
    return packet / Padding(bytes(max(0, size - len(packet))))


def frag_needed(packet: Packet, mtu: int, link: Packet = LINK_BACK) -> Packet:
    """What tells the sender of an IPv4 `packet` the MTU (RFC 1191 4, RFC 1812 4.3.2.3)."""
    back = IP(src=packet.dst, dst=packet.src, ttl=64, id=0, flags="DF", tos=0xC0)
    quote = Raw(bytes(packet)[:548])
    return link / back / ICMP(type=3, code=4, nexthopmtu=mtu) / quote


def packet_too_big(packet: Packet, mtu: int, link: Packet = LINK_BACK) -> Packet:
    """What tells the sender of an IPv6 `packet` the MTU (RFC 4443 3.2, 2.4 c)."""
    back = IPv6(src=packet.dst, dst=packet.src, hlim=64)
    return link / back / ICMPv6PacketTooBig(mtu=mtu) / Raw(bytes(packet)[:1232])
