"""ICMP for a service address: echoes answered, errors sent after the connection they quote."""

from __future__ import annotations

import pytest
from scapy.all import (
    ICMP,
    IP,
    TCP,
    UDP,
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPOption_NOP,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    Packet,
    PadN,
    Raw,
)

from tests.support.packets.packets import (
    CLIENT_PORT,
    LINK,
    LINK_BACK,
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
from tests.support.packets.world import API4, API6, CLIENT4, CLIENT6, HOST4, HOST6, WAYS, Way

ROUTER4, ROUTER6 = "203.0.113.1", "2001:db8:f::1"

# Echo (RFC 792, RFC 4443 4.1)


def ping(payload: bytes, **fields: object) -> Packet:
    return to_api(4, **fields) / ICMP(type=8, id=0x1234, seq=1) / payload


def pong(payload: bytes, **fields: object) -> Packet:
    """Its source, destination and TTL are the service's; the rest is as it came."""
    turned = {"src": API4, "dst": CLIENT4, "ttl": 64, **fields}
    return to_api(4, **turned) / ICMP(type=0, id=0x1234, seq=1) / payload


def ping6(payload: bytes, **fields: object) -> Packet:
    return to_api(6, **fields) / ICMPv6EchoRequest(id=0x1234, seq=1, data=payload)


def pong6(payload: bytes, **fields: object) -> Packet:
    turned = {"src": API6, "dst": CLIENT6, "hlim": 64, **fields}
    return to_api(6, **turned) / ICMPv6EchoReply(id=0x1234, seq=1, data=payload)


def echo(name: str, packet: Packet, answer: Packet) -> Row:
    return Row(name=name, packet=LINK / packet, verdict="ECHO", out=LINK_BACK / answer)


PAYLOADS = {f"{n} bytes": bytes(i % 251 for i in range(n)) for n in (0, 1, 7, 8, 56, 57, 1472)}
PAYLOADS |= {"zeros": bytes(32), "ones": b"\xff" * 32, "one zero": b"\0"}

ECHOES = [
    *(echo(f"ping of {name}", ping(data), pong(data)) for name, data in PAYLOADS.items()),
    *(echo(f"ping6 of {name}", ping6(data), pong6(data)) for name, data in PAYLOADS.items()),
    echo("ping in a VLAN", VLAN5 / ping(b"abc"), VLAN5 / pong(b"abc")),
    echo("ping in two VLANs", QINQ / ping(b"abc"), QINQ / pong(b"abc")),
    echo("ping over IPv6 in a VLAN", VLAN5 / ping6(b"abc"), VLAN5 / pong6(b"abc")),
    echo("ping of the least TTL", ping(b"", ttl=1), pong(b"")),
    echo("ping of the greatest TTL", ping(b"", ttl=255), pong(b"")),
    echo("ping of this TTL", ping(b"", ttl=64), pong(b"")),
    echo("ping of a class", ping(b"x", tos=0xB8), pong(b"x", tos=0xB8)),
    echo(
        "ping with options",
        ping(b"x", options=[IPOption_NOP()] * 8),
        pong(b"x", options=[IPOption_NOP()] * 8),
    ),
    echo("ping padded", padded(ping(b"x")), padded(pong(b"x"))),
    echo("ping of nothing but zeros", to_api(4) / ICMP(),
         to_api(4, src=API4, dst=CLIENT4, ttl=64) / ICMP(type=0)),
    echo(
        "ping over IPv6 behind options",
        to_api(6) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"1234")]) / ICMPv6EchoRequest(),
        to_api(6, src=API6, dst=CLIENT6, hlim=64)
        / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"1234")])
        / ICMPv6EchoReply(),
    ),
]  # fmt: skip

# Errors. What they quote is what a backend sent: from the service to the client.


def quoted(version: int, protocol: str, port: int, size: int | None = None) -> bytes:
    """The quoted packet, of which `size` bytes are left behind its IP header."""
    upper = TCP(sport=port, dport=CLIENT_PORT, flags="PA") if protocol == "tcp" else UDP(
        sport=port, dport=CLIENT_PORT
    )  # fmt: skip
    answer = upper / (b"HTTP/1.1 200 OK\r\n" * 40)
    if version == 4:
        whole = bytes(IP(src=API4, dst=CLIENT4, flags="DF", ttl=58) / answer)
        return whole[: 20 + size] if size is not None else whole[:548]
    whole = bytes(IPv6(src=API6, dst=CLIENT6, hlim=58) / answer)
    return whole[: 40 + size] if size is not None else whole


FRAG_NEEDED = ICMP(type=3, code=4, nexthopmtu=1400)
ERRORS4 = {
    "fragmentation needed": FRAG_NEEDED,
    "port unreachable": ICMP(type=3, code=3),
    "host unreachable": ICMP(type=3, code=1),
    "time exceeded": ICMP(type=11, code=0),
    "parameter problem": ICMP(type=12, ptr=20),
}
PACKET_TOO_BIG = ICMPv6PacketTooBig(mtu=1400)
ERRORS6 = {
    "packet too big": PACKET_TOO_BIG,
    "unreachable": ICMPv6DestUnreach(code=4),
    "time exceeded": ICMPv6TimeExceeded(),
    "parameter problem": ICMPv6ParamProblem(ptr=6),
}


def error(version: int, kind: Packet, quote: bytes) -> Packet:
    return to_api(version, src=ROUTER4 if version == 4 else ROUTER6) / kind / Raw(quote)


def follows(name: str, packet: Packet, way: Way, service: str, before: Packet | None) -> Row:
    """A row for an error about a connection that is known, or not (`before` None)."""
    return Row(
        name=name,
        packet=LINK / packet,
        verdict="FORWARD_ICMP",
        service=service,
        out=None if way.name == "local" else leaves(way, packet),
        action={"local": "XDP_PASS", "hairpin": "XDP_TX"}.get(way.name, ""),
        before=(LINK / before,) if before else (),
    )


IPIP4, GUE6 = WAYS["ipip4"], WAYS["gue6"]

FOLLOWED = [
    *(
        follows(
            f"IPv{version} {name} about {protocol} by {way.name}{'' if known else ', not known'}",
            error(version, kind, quoted(version, protocol, way.port)),
            way,
            f"{way.name}-{protocol}{version}",
            to_api(version) / transport(protocol, way.port) if known else None,
        )
        for version, errors in ((4, ERRORS4), (6, ERRORS6))
        for name, kind in errors.items()
        for protocol in ("tcp", "udp")
        for way in (IPIP4, GUE6)
        for known in (True, False)
    ),
    *(
        follows(
            f"IPv{version} path MTU by {way.name}",
            error(version, kind, quoted(version, "tcp", way.port)),
            way,
            f"{way.name}-tcp{version}",
            to_api(version) / tcp(way.port),
        )
        for version, kind in ((4, FRAG_NEEDED), (6, PACKET_TOO_BIG))
        for way in WAYS.values()
        if way.backends == 1
    ),
    *(
        follows(
            f"IPv{version} path MTU about {protocol}, {size} bytes quoted",
            error(version, kind, quoted(version, protocol, IPIP4.port, size)),
            IPIP4,
            f"ipip4-{protocol}{version}",
            to_api(version) / transport(protocol, IPIP4.port),
        )
        for version, kind in ((4, FRAG_NEEDED), (6, PACKET_TOO_BIG))
        for protocol in ("tcp", "udp")
        for size in (8, 9, 20)
    ),
    follows(
        "path MTU about a quote with options",
        error(4, FRAG_NEEDED, bytes(IP(src=API4, dst=CLIENT4, options=[IPOption_NOP()] * 8)
              / TCP(sport=IPIP4.port, dport=CLIENT_PORT))),
        IPIP4,
        "ipip4-tcp4",
        to_api(4) / tcp(IPIP4.port),
    ),
    follows(
        "path MTU about a quote with extension headers",
        error(6, PACKET_TOO_BIG, bytes(IPv6(src=API6, dst=CLIENT6)
              / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"1234")]) / IPv6ExtHdrFragment(m=1, id=7)
              / TCP(sport=IPIP4.port, dport=CLIENT_PORT))),
        IPIP4,
        "ipip4-tcp6",
        to_api(6) / tcp(IPIP4.port),
    ),
    follows(
        "path MTU about a first fragment",
        error(4, FRAG_NEEDED, bytes(IP(src=API4, dst=CLIENT4, flags="MF")
              / UDP(sport=IPIP4.port, dport=CLIENT_PORT) / bytes(40))),
        IPIP4,
        "ipip4-udp4",
        to_api(4) / transport("udp", IPIP4.port),
    ),
]  # fmt: skip

OTHER = [
    Row(name=name, packet=LINK / packet, verdict="ICMP_OTHER")
    for name, packet in {
        "an echo reply": to_api(4) / ICMP(type=0),
        "an echo reply over IPv6": to_api(6) / ICMPv6EchoReply(),
        "a redirect": to_api(4) / ICMP(type=5) / Raw(quoted(4, "tcp", 443)),
        "a timestamp request": to_api(4) / ICMP(type=13),
        "an echo of code 1": to_api(4) / ICMP(type=8, code=1),
        "a neighbour solicitation": to_api(6) / ICMPv6ND_NS(tgt=API6),
        "ICMPv6 in IPv4": to_api(4, proto=58) / ICMPv6EchoRequest(),
        "ICMP in IPv6": to_api(6, nh=1) / ICMP(type=8),
        "an error that quotes nothing": error(4, FRAG_NEEDED, b""),
        "an error that quotes nothing over IPv6": error(6, PACKET_TOO_BIG, b""),
        "a quote cut in its IP header": error(4, FRAG_NEEDED, quoted(4, "tcp", 443)[:19]),
        "a quote cut in its ports": error(4, FRAG_NEEDED, quoted(4, "tcp", 443, 7)),
        "a quote cut in its ports over IPv6": error(6, PACKET_TOO_BIG, quoted(6, "udp", 443, 7)),
        "a quote cut by the IP length": padded(
            to_api(4, len=20 + 8 + 20 + 7, proto=1) / FRAG_NEEDED / Raw(quoted(4, "tcp", 443, 20))
        ),
        "a quote from the host": error(
            4, FRAG_NEEDED, bytes(IP(src=HOST4, dst=CLIENT4) / TCP(sport=443, dport=CLIENT_PORT))
        ),
        "a quote from the host over IPv6": error(
            6, PACKET_TOO_BIG, bytes(IPv6(src=HOST6, dst=CLIENT6) / TCP(sport=443, dport=1))
        ),
        "a quote of what a client sent": error(
            4, FRAG_NEEDED, bytes(IP(src=CLIENT4, dst=API4) / TCP(sport=CLIENT_PORT, dport=443))
        ),
        "a quote from another port": error(4, FRAG_NEEDED, quoted(4, "tcp", 22)),
        "a quote from another port over IPv6": error(6, PACKET_TOO_BIG, quoted(6, "tcp", 22)),
        "a quote of ICMP": error(4, FRAG_NEEDED, bytes(IP(src=API4, dst=CLIENT4) / ICMP(type=0))),
        "a quote of IPv6": error(4, FRAG_NEEDED, quoted(6, "tcp", 443)),
        "a quote of a later fragment": error(
            4, FRAG_NEEDED, bytes(IP(src=API4, dst=CLIENT4, frag=9, proto=6) / Raw(bytes(20)))
        ),
        "ICMP for an address without such a port": error(4, FRAG_NEEDED, quoted(4, "udp", 8443)),
    }.items()
]

ELSEWHERE = [
    Row(
        name="an error about a connection of a service without backends",
        packet=LINK / error(4, FRAG_NEEDED, quoted(4, "tcp", WAYS["empty"].port)),
        verdict="NO_BACKEND",
        service="empty-tcp4",
    ),
    Row(
        name="an error to another address that quotes a service",
        packet=LINK / IP(src=ROUTER4, dst=HOST4) / FRAG_NEEDED / Raw(quoted(4, "tcp", 443)),
        verdict="NOT_SERVICE",
    ),
]

ROWS = [*ECHOES, *FOLLOWED, *OTHER, *ELSEWHERE]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)
    if row.verdict == "FORWARD_ICMP":
        assert rig.flows_of(row.service) == [len(row.before)], "an error must store no flow"
