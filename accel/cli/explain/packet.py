"""A frame in words, header by header. Pure, and in need of nothing but its bytes.

Layouts: IEEE 802.1Q, IPv4 RFC 791, IPv6 RFC 8200, TCP RFC 9293, UDP RFC 768, ICMP RFC 792 and
RFC 4443, GUE variant 1 (an IP packet directly behind UDP).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

Header = tuple[str, str]  # its name, and what it says

_ETHERTYPES = {0x0800: "IPv4", 0x86DD: "IPv6", 0x8100: "802.1Q", 0x88A8: "802.1ad"}
_PROTOCOLS = {1: "ICMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 58: "ICMPv6"}
_EXTENSIONS = {0: "hop-by-hop", 43: "routing", 44: "fragment", 60: "destination"}
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


def describe(frame: bytes) -> list[Header]:
    """The headers of an Ethernet frame, outermost first; the last says if it is cut short."""
    found: list[Header] = []
    try:
        for header in _ethernet(frame):
            found.append(header)
    except (struct.error, ValueError, IndexError):
        found.append(("cut", "the next header is not whole"))
    return found


def _ethernet(frame: bytes) -> Iterator[Header]:
    destination, source, kind = struct.unpack_from("!6s6sH", frame)
    yield "Ethernet", f"{source.hex(':')} -> {destination.hex(':')}"
    at = 14
    while _ETHERTYPES.get(kind, "").startswith("802"):
        tag, following = struct.unpack_from("!HH", frame, at)
        yield _ETHERTYPES[kind], f"VLAN {tag & 0xFFF}"
        kind, at = following, at + 4
    yield from _network(_ETHERTYPES.get(kind, f"ethertype {kind:#06x}"), frame[at:])


def _network(name: str, data: bytes) -> Iterator[Header]:
    if name == "IPv4":
        yield from _ipv4(data)
    elif name == "IPv6":
        yield from _ipv6(data)
    elif name == "TCP":
        yield from _tcp(data)
    elif name == "UDP":
        yield from _udp(data)
    elif name.startswith("ICMP"):
        yield name, f"type {data[0]} code {data[1]}, {len(data)} bytes"
    elif data:
        yield name, f"{len(data)} bytes"


def _ipv4(data: bytes) -> Iterator[Header]:
    first, tos, length, _, fragment, ttl, protocol, _, source, destination = struct.unpack_from(
        "!BBHHHBBHII", data
    )
    header = (first & 15) * 4
    offset = (fragment & 0x1FFF) * 8
    name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    words = [
        f"{ipaddress.IPv4Address(source)} -> {ipaddress.IPv4Address(destination)}",
        f"ttl {ttl}, {length} bytes",
    ]
    words += [f"tos {tos:#04x}"] if tos else []
    words += ["DF"] if fragment & 0x4000 else []
    words += [f"fragment at {offset}"] if offset else []
    yield "IPv4", ", ".join(words)
    yield from _network("data" if offset else name, data[max(header, 20) : length])


def _ipv6(data: bytes) -> Iterator[Header]:
    _, length, following, hops, source, destination = struct.unpack_from("!IHBB16s16s", data)
    words = f"{ipaddress.IPv6Address(source)} -> {ipaddress.IPv6Address(destination)}"
    yield "IPv6", f"{words}, hop limit {hops}, {40 + length} bytes"
    at = 40
    while following in _EXTENSIONS:
        size = 8 if following == 44 else (data[at + 1] + 1) * 8
        yield "IPv6", f"{_EXTENSIONS[following]} extension header"
        following, at = data[at], at + size
    name = _PROTOCOLS.get(following, f"protocol {following}")
    yield from _network(name, data[at : 40 + length])


def _tcp(data: bytes) -> Iterator[Header]:
    source, destination, _, _, offset, bits = struct.unpack_from("!HHIIBB", data)
    flags = " ".join(name for i, name in enumerate(_FLAGS) if bits >> i & 1)
    rest = max(0, len(data) - (offset >> 4) * 4)
    yield "TCP", f"{source} -> {destination}, {flags or 'no flags'}, {rest} bytes of data"


def _udp(data: bytes) -> Iterator[Header]:
    source, destination, _, _ = struct.unpack_from("!HHHH", data)
    inner = data[8:]
    name = _inside(inner)
    kind = "GUE" if name else f"{len(inner)} bytes of data"
    yield "UDP", f"{source} -> {destination}, {kind}"
    if name:
        yield from _network(name, inner)


def _inside(data: bytes) -> str:
    """The name of the IP header that fills `data` exactly, or ""."""
    if len(data) >= 20 and data[0] >> 4 == 4 and int.from_bytes(data[2:4]) == len(data):
        return "IPv4"
    if len(data) >= 40 and data[0] >> 4 == 6 and int.from_bytes(data[4:6]) + 40 == len(data):
        return "IPv6"
    return ""
