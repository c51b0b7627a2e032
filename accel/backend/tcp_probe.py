"""A probe that a TCP answers by an ACK of what it has, as a keepalive does (RFC 9293 3.8.4)."""

from __future__ import annotations

import socket
import struct

_ACK = 0x10
_NOPS_TIMESTAMPS = 0x0101080A
_HOPS = 64
_MAPPED = bytes(10) + b"\xff\xff"


def probe(
    *,
    here: bytes,
    there: bytes,
    ports: tuple[int, int],
    numbers: tuple[int, int],
    times: tuple[int, int] | None,
) -> bytes:
    """The IP packet for a peer `there` that has sent a segment with these `numbers` (seq and ack).

    Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; `ports` are the peer's and ours, `times` the
    peer's timestamp and the one that it echoed.
    """
    their_port, port = ports
    seq, ack = numbers
    options = b"" if times is None else struct.pack("!III", _NOPS_TIMESTAMPS, times[1], times[0])
    words = 5 + len(options) // 4
    before = struct.pack("!HHIIBBH", port, their_port, (ack - 1) % 2**32, seq, words << 4, _ACK, 0)
    version, (source, target) = _addresses(here, there)
    pseudo = source + target + struct.pack("!II", 4 * words, socket.IPPROTO_TCP)
    check = _checksum(pseudo + before + bytes(4) + options)
    segment = before + struct.pack("!HH", check, 0) + options
    if version == 4:
        # The kernel puts in its checksum (raw(7)).
        header = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(segment), 0, _HOPS, 6, 0)
    else:
        header = struct.pack("!IHBB", 6 << 28, len(segment), 6, _HOPS)
    return header + source + target + segment


def send_probe(packet: bytes) -> None:
    """Send what `probe` made. Raises OSError; needs CAP_NET_RAW."""
    if packet[0] >> 4 == 4:
        family, to = socket.AF_INET, socket.inet_ntop(socket.AF_INET, packet[16:20])
    else:
        family, to = socket.AF_INET6, socket.inet_ntop(socket.AF_INET6, packet[24:40])
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (to, 0))


def _addresses(here: bytes, there: bytes) -> tuple[int, tuple[bytes, bytes]]:
    if there.startswith(_MAPPED):
        return 4, (here[12:], there[12:])
    return 6, (here, there)


def _checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
