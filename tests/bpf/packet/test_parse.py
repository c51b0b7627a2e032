"""What is for no service, IPv6 extension headers, fragments, and what cannot be parsed."""

from __future__ import annotations

import itertools

import pytest
from scapy.all import (
    AH,
    ARP,
    ESP,
    GRE,
    ICMP,
    IP,
    LLC,
    TCP,
    UDP,
    Dot1Q,
    Dot3,
    Ether,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    Packet,
    PadN,
    Raw,
)

from tests.support.packets.packets import (
    LINK,
    QINQ,
    VLAN5,
    leaves,
    padded,
    tcp,
    to_api,
    transport,
)
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import (
    ANY4,
    API4,
    API6,
    CLIENT4,
    CLIENT6,
    CLIENT_MAC,
    GATEWAY_MAC,
    HOST4,
    HOST6,
    WAYS,
)

IPIP4, GUE6, L2DSR = WAYS["ipip4"], WAYS["gue6"], WAYS["l2dsr"]
OF_ANY_WAY = (IPIP4, GUE6, L2DSR)

NOT_SERVICE = [
    Row(name=name, packet=LINK / packet, verdict="NOT_SERVICE")
    for name, packet in {
        "SSH to the host": to_api(4, HOST4) / tcp(22, "PA") / b"SSH-2.0",
        "SSH to the host over IPv6": to_api(6, HOST6) / tcp(22, "PA") / b"SSH-2.0",
        "SSH to the service address": to_api(4) / tcp(22),
        "SSH to the service address over IPv6": to_api(6) / tcp(22),
        "another protocol on the same port": to_api(4, ANY4) / UDP(dport=443),
        "answers of a service": IP(src=API4, dst=CLIENT4) / TCP(sport=443, dport=40001),
        "answers of a service over IPv6": IPv6(src=API6, dst=CLIENT6) / TCP(sport=443),
        "echo to the host": to_api(4, HOST4) / ICMP(),
        "a later fragment for the host": to_api(4, HOST4, frag=185) / Raw(b"x" * 40),
        "a broken TCP header for the host": to_api(4, HOST4, proto=6) / Raw(b"x" * 7),
        "the host in a VLAN": VLAN5 / to_api(4, HOST4) / tcp(443),
        "the host in two VLANs": QINQ / to_api(6, HOST6) / tcp(443),
        "GRE to a service address": to_api(4) / GRE() / IP(),
        "ESP to a service address": to_api(4) / ESP(spi=1, data=b"x" * 16),
        "ESP to a service address over IPv6": to_api(6) / ESP(spi=1, data=b"x" * 16),
        "no next header": to_api(6, nh=59),
        "SCTP to a service address": to_api(4, proto=132) / Raw(b"\x9c\x41\x01\xbb" + bytes(8)),
        "a later fragment of ESP to a service address": to_api(4, frag=1, proto=50) / Raw(b"x" * 9),
        "IPv4 in IPv4 to a service address": to_api(4) / IP(dst=API4) / tcp(443),
        "a mapped address of a service over IPv6": to_api(6, f"::ffff:{API4}") / tcp(443),
        "port 443 of multicast": to_api(4, "224.0.0.1") / tcp(443),
        "port 443 of broadcast": to_api(4, "255.255.255.255") / UDP(dport=443),
    }.items()
]

NOT_IP = [
    Row(name=name, packet=packet, verdict="NOT_IP")
    for name, packet in {
        "ARP": LINK / ARP(pdst=API4),
        "ARP in a VLAN": LINK / VLAN5 / ARP(pdst=API4),
        "ARP padded": padded(LINK / ARP(pdst=API4)),
        "LLDP": Ether(src=CLIENT_MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(bytes(46)),
        "STP": Dot3(src=CLIENT_MAC, dst="01:80:c2:00:00:00") / LLC() / Raw(bytes(35)),
        "MPLS": Ether(src=CLIENT_MAC, dst=GATEWAY_MAC, type=0x8847) / Raw(bytes(46)),
        "three VLAN tags": LINK
        / Dot1Q(vlan=1)
        / Dot1Q(vlan=2)
        / Dot1Q(vlan=3)
        / to_api(4)
        / tcp(443),
    }.items()
]

MALFORMED = [
    Row(name=name, packet=LINK / packet, verdict="MALFORMED")
    for name, packet in {
        "IPv4 of version 5": to_api(4, version=5) / tcp(443),
        "IPv6 of version 4": to_api(6, version=4) / tcp(443),
        "an IPv4 header of 16 bytes": to_api(4, ihl=4) / tcp(443),
        "an IPv4 header longer than its packet": to_api(4, ihl=15, len=40) / tcp(443),
        "an IPv4 length below its header's": to_api(4, len=19) / tcp(443),
        "an IPv4 length of 0": to_api(4, len=0) / tcp(443),
        "an IPv4 length of one byte too many": to_api(4, len=41) / tcp(443),
        "an IPv6 length of one byte too many": to_api(6, plen=21) / tcp(443),
        "a VLAN tag and no more": Dot1Q(vlan=1, type=0x0800),
    }.items()
]

# The destination is read, the ports cannot be.
BAD_TRANSPORT = [
    Row(name=name, packet=LINK / packet, verdict="BAD_TRANSPORT")
    for name, packet in {
        "a TCP header cut to 19 bytes": to_api(4, proto=6) / Raw(bytes(tcp(443))[:19]),
        "a TCP header cut to 3 bytes": to_api(4, proto=6) / Raw(bytes(tcp(443))[:3]),
        "no TCP header at all": to_api(4, proto=6),
        "a TCP header cut by the IP length": to_api(4, len=39) / tcp(443) / b"rest",
        "a TCP header cut by the IPv6 length": to_api(6, plen=19) / tcp(443) / b"rest",
        "a TCP data offset of 4": to_api(4) / tcp(443, dataofs=4),
        "a TCP data offset beyond the packet": to_api(4) / tcp(443, dataofs=6),
        "a TCP data offset beyond the packet over IPv6": to_api(6) / tcp(443, dataofs=15),
        "a UDP header cut to 7 bytes": to_api(4, proto=17) / Raw(bytes(7)),
        "a UDP header cut to 7 bytes over IPv6": to_api(6, nh=17) / Raw(bytes(7)),
        "a UDP header cut by the IP length": padded(to_api(4, len=27, proto=17) / Raw(bytes(8))),
        "an ICMP header cut to 7 bytes": to_api(4, proto=1) / Raw(b"\x08" + bytes(6)),
        "an ICMPv6 header cut to 7 bytes": to_api(6, nh=58) / Raw(b"\x80" + bytes(6)),
        "a broken TCP header in a VLAN": VLAN5 / to_api(4) / tcp(443, dataofs=4),
    }.items()
]


def hop_by_hop() -> Packet:
    return IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])


def for_destination(size: int = 8) -> Packet:
    full, rest = divmod(size - 2, 256)
    options = [PadN(optdata=bytes(254))] * full + [PadN(optdata=bytes(rest - 2))]
    return IPv6ExtHdrDestOpt(options=options)


def routing(left: int = 0) -> Packet:
    return IPv6ExtHdrRouting(type=4, segleft=left, addresses=[API6])


def authentication(icv: int = 12) -> Packet:
    return AH(spi=1, seq=1, reserved=0, icv=bytes(icv), payloadlen=(12 + icv) // 4 - 2)


CHAINS = {
    "hop-by-hop options": [hop_by_hop()],
    "destination options": [for_destination()],
    "long destination options": [for_destination(1024)],
    "a routing header that has no segments left": [routing()],
    "an authentication header": [authentication()],
    "a long authentication header": [authentication(64)],
    "a fragment header of the only fragment": [IPv6ExtHdrFragment(offset=0, m=0, id=5)],
    "a fragment header of the first fragment": [IPv6ExtHdrFragment(offset=0, m=1, id=5)],
    "all kinds in their order": [
        hop_by_hop(),
        for_destination(16),
        routing(),
        IPv6ExtHdrFragment(m=1, id=9),
        authentication(),
        for_destination(24),
    ],
    "six headers": [for_destination()] * 6,
}


def chain(headers: list[Packet], upper: Packet) -> Packet:
    """IPv6 with `headers` between it and `upper`; scapy sets each next header but AH's."""
    packet = to_api(6)
    for header, behind in itertools.pairwise([*headers, upper]):
        packet = packet / header.copy()
        if isinstance(header, AH):
            packet[AH].nh = {TCP: 6, UDP: 17}.get(type(behind), 60)
    return packet / upper


EXTENSIONS = [
    Row(
        name=f"{protocol} behind {name} by {way.name}",
        packet=LINK / chain(headers, transport(protocol, way.port)),
        verdict="FORWARD_NEW",
        service=f"{way.name}-{protocol}6",
        out=leaves(way, chain(headers, transport(protocol, way.port))),
    )
    for name, headers in CHAINS.items()
    for protocol in ("tcp", "udp")
    for way in OF_ANY_WAY
] + [
    Row(name=name, packet=LINK / packet, verdict=verdict)
    for name, verdict, packet in (
        ("seven headers", "MALFORMED", chain([for_destination()] * 7, tcp(443))),
        ("more than 2047 bytes", "MALFORMED", chain([for_destination(1024)] * 2, tcp(443))),
        ("segments left", "MALFORMED", chain([routing(1)], tcp(443))),
        ("SRv6 segments left", "MALFORMED",
         chain([IPv6ExtHdrSegmentRouting(addresses=[API6], segleft=1, lastentry=0)], tcp(443))),
        ("an extension beyond the packet", "MALFORMED",
         chain([IPv6ExtHdrDestOpt(len=9, options=[])], tcp(443))),
        ("an extension of 4 bytes", "MALFORMED", to_api(6, nh=60) / Raw(b"\x06\x00\x01\x00")),
        ("ESP behind options", "NOT_SERVICE",
         chain([for_destination()], ESP(spi=1, data=b"x" * 8))),
        ("no next header behind options", "NOT_SERVICE",
         to_api(6) / IPv6ExtHdrDestOpt(nh=59)),
        ("a cut TCP header behind options", "BAD_TRANSPORT",
         to_api(6) / IPv6ExtHdrDestOpt(nh=6) / Raw(bytes(12))),
    )
]  # fmt: skip

# A first fragment is steered by its ports; a later one carries none and is dropped.
FRAGMENTS = [
    Row(
        name=f"the first fragment of {protocol} by {way.name}",
        packet=LINK / to_api(4, flags="MF") / transport(protocol, way.port),
        verdict="FORWARD_NEW",
        service=f"{way.name}-{protocol}4",
        out=leaves(way, to_api(4, flags="MF") / transport(protocol, way.port)),
    )
    for protocol in ("tcp", "udp")
    for way in OF_ANY_WAY
] + [
    Row(name=name, packet=LINK / packet, verdict="FRAGMENT")
    for name, packet in {
        "a middle fragment of TCP": to_api(4, flags="MF", frag=185, proto=6) / Raw(b"x" * 40),
        "the last fragment of TCP": to_api(4, frag=185, proto=6) / Raw(b"x" * 40),
        "the last fragment of UDP": to_api(4, frag=1, proto=17) / Raw(b"x"),
        "the last fragment of a ping": to_api(4, frag=185, proto=1) / Raw(b"x" * 40),
        "the last fragment, in a VLAN": VLAN5 / to_api(4, frag=8191, proto=6) / Raw(b"x" * 40),
        "the last fragment over IPv6":
            to_api(6) / IPv6ExtHdrFragment(nh=6, offset=181) / Raw(b"x" * 9),
        "the last fragment of UDP over IPv6":
            to_api(6) / IPv6ExtHdrFragment(nh=17, offset=1, m=1) / Raw(b"x" * 16),
        "the last fragment behind options":
            to_api(6) / for_destination() / IPv6ExtHdrFragment(nh=6, offset=9) / Raw(b"x" * 9),
        "an empty last fragment": to_api(6) / IPv6ExtHdrFragment(nh=6, offset=9),
        "a first fragment's rest that begins like a header":
            to_api(4, frag=1, proto=6) / tcp(443),
    }.items()
]  # fmt: skip

ROWS = [*NOT_SERVICE, *NOT_IP, *MALFORMED, *BAD_TRANSPORT, *EXTENSIONS, *FRAGMENTS]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)
