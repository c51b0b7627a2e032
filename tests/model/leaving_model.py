"""The reference model's bytes: echo replies, outer headers, too-big messages, from the RFCs."""

from __future__ import annotations

import struct

from accel.model.backend import Mode
from accel.model.placement import NextHop, PlacedBackend
from tests.model.cookie_model import Asked
from tests.model.packet_model import IPV4, IPV6, Headers, read_frame, read_link

TTL = 64
IPIP, IPV6_IN_IP, UDP = 4, 41, 17
OUTER = {4: 20, 6: 40}
UDP_HEADER = 8
FIRST_DYNAMIC_PORT = 49152
LEAST_IPV6_MTU = 1280
WINDOW = 64240  # of a SYN-ACK
QUOTED = {4: 576 - 20 - 8, 6: 1280 - 40 - 8}  # RFC 1812 4.3.2.3, RFC 4443 2.4 c


def sum_of(data: bytes) -> int:
    """The one's complement sum of the 16-bit words (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    if len(data) & 1:
        total += data[-1] << 8
    return folded(total)


def folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data: bytes) -> int:
    return ~sum_of(data) & 0xFFFF


def changed(old: int, before: int, after: int) -> int:
    """A checksum once one of its words has changed: RFC 1624, equation 3."""
    return ~folded((~old & 0xFFFF) + (~before & 0xFFFF) + after) & 0xFFFF


def echo_reply(frame: bytes, ip: Headers) -> bytes:
    """The request turned round (RFC 792, RFC 4443 4.2), whatever its checksums were worth."""
    out = bytearray(frame)
    out[0:6], out[6:12] = frame[6:12], frame[0:6]
    width = len(ip.source)
    at = ip.start + (12 if ip.version == 4 else 8)
    out[at : at + width], out[at + width : at + 2 * width] = ip.destination, ip.source
    hops = ip.start + (8 if ip.version == 4 else 7)
    if ip.version == 4:
        header_sum = _word(frame, ip.start + 10)
        _put(out, ip.start + 10, changed(header_sum, frame[hops] << 8, TTL << 8))
    out[hops] = TTL
    kind, reply = frame[ip.upper], 0 if ip.version == 4 else 129
    out[ip.upper] = reply
    # Of the two zeros of one's complement the one that is right over zeros, too.
    icmp_sum = changed(_word(frame, ip.upper + 2), kind << 8, reply << 8) or 0xFFFF
    _put(out, ip.upper + 2, icmp_sum)
    return bytes(out)


def overhead(placed: PlacedBackend) -> int:
    """Bytes in front of the packet in this mode."""
    mode, outer = placed.backend.mode, OUTER[placed.backend.address.version]
    return {Mode.IPIP: outer, Mode.GUE: outer + UDP_HEADER}.get(mode, 0)


def to_backend(
    frame: bytes, ip: Headers, placed: PlacedBackend, hop: NextHop, tag: int, tos: int
) -> bytes:
    """The frame that leaves; what was behind the IP packet stays behind it."""
    backend, packet = placed.backend, frame[ip.start :]
    size, kind, headers = ip.end - ip.start, ip.version, b""
    if backend.mode in (Mode.IPIP, Mode.GUE):
        assert hop.source is not None
        protocol = IPIP if ip.version == 4 else IPV6_IN_IP
        if backend.mode is Mode.GUE:
            port = FIRST_DYNAMIC_PORT + tag // 2**18
            headers = struct.pack("!4H", port, backend.gue_port, UDP_HEADER + size, 0)
            protocol, size = UDP, size + UDP_HEADER
        kind = backend.address.version
        source, destination = hop.source.packed, backend.address.packed
        if kind == 4:
            headers = ipv4_header(protocol, size, source, destination, tos) + headers
        else:
            label = tag // 2**12
            headers = ipv6_header(protocol, size, source, destination, tos, label) + headers
    tagged = b"\x81\x00" + struct.pack("!H", hop.vlan) if hop.vlan else b""
    return hop.mac + hop.source_mac + tagged + (IPV4 if kind == 4 else IPV6) + headers + packet


def too_big(frame: bytes, ip: Headers, mtu: int) -> bytes:
    """To the sender, from the service: RFC 1191 4 and RFC 4443 3.2."""
    kind, _ = read_link(frame)
    quote = frame[ip.start :][: QUOTED[ip.version]]
    if ip.version == 4:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quote
        pseudo = b""
        header = ipv4_header(1, len(body), ip.destination, ip.source, 0xC0)
    else:
        body = struct.pack("!BBHI", 2, 0, 0, max(mtu, LEAST_IPV6_MTU)) + quote
        pseudo = ip.destination + ip.source + struct.pack("!II", len(body), 58)
        header = ipv6_header(58, len(body), ip.destination, ip.source, 0, 0)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    tags = frame[12 : ip.start - 2]
    return frame[6:12] + frame[0:6] + tags + kind + header + body


def challenge(frame: bytes, ip: Headers, number: int) -> bytes:
    """A bare ACK of what was never sent, without options or a window (RFC 9293 3.10.7.3)."""
    return _answer(frame, ip, struct.pack("!IIBBH", 0, number, 5 << 4, 0x10, 0))


def syn_ack(
    frame: bytes, ip: Headers, number: int, asks: Asked, mss: int, scale: int, *, ecn: bool
) -> bytes:
    """With each option that the SYN has, in a place of its own, and timestamp 0."""
    options = struct.pack("!BBH", 2, 4, mss)
    if asks.scale is not None:
        options += bytes((1, 3, 3, scale))
    elif asks.sack or asks.time:
        options += b"\x01" * 4
    if asks.time:
        options += (b"\x04\x02" if asks.sack else b"\x01\x01") + b"\x08\x0a" + bytes(4) + asks.time
    elif asks.sack:
        options += b"\x01\x01\x04\x02"
    acknowledged = (ip.sequence + 1) % (1 << 32)
    words = 5 + len(options) // 4
    flags = 0x52 if ecn else 0x12  # RFC 3168 6.1.1: ECE alone
    start = struct.pack("!IIBBH", number, acknowledged, words << 4, flags, WINDOW)
    return _answer(frame, ip, start, options)


def _answer(frame: bytes, ip: Headers, start: bytes, options: bytes = b"") -> bytes:
    """A TCP segment back by the way that the frame came; `start` is what ports are followed by."""
    assert ip.ports
    kind, _ = read_link(frame)
    tcp = ip.ports[1] + ip.ports[0] + start + bytes(4) + options
    tcp = tcp[:16] + struct.pack("!H", checksum(_pseudo(ip, len(tcp)) + tcp)) + tcp[18:]
    header = (
        ipv4_header(6, len(tcp), ip.destination, ip.source, 0)
        if ip.version == 4
        else ipv6_header(6, len(tcp), ip.destination, ip.source, 0, 0)
    )
    return frame[6:12] + frame[0:6] + frame[12 : ip.start - 2] + kind + header + tcp


def _pseudo(ip: Headers, size: int) -> bytes:
    return ip.destination + ip.source + struct.pack("!II", size, 6)


def without_time(frame: bytes) -> bytes:
    """A SYN-ACK without its own timestamp and the checksum, which must be right."""
    ip = read_frame(frame)
    if len(ip.options) < 20:
        return frame
    tcp = frame[ip.upper : ip.end]
    assert sum_of(_pseudo(ip, len(tcp)) + tcp) == 0xFFFF
    return frame[: ip.upper + 16] + bytes(2) + frame[ip.upper + 18 : -8] + bytes(4) + frame[-4:]


def ipv4_header(protocol: int, payload: int, source: bytes, destination: bytes, tos: int) -> bytes:
    """Without options, id 0 and DF (RFC 6864 4.1)."""
    start = struct.pack("!BBHHHBB", 0x45, tos, 20 + payload, 0, 0x4000, TTL, protocol)
    addresses = source + destination
    return start + struct.pack("!H", checksum(start + addresses)) + addresses


def ipv6_header(
    protocol: int, payload: int, source: bytes, destination: bytes, tos: int, label: int
) -> bytes:
    start = struct.pack("!IHBB", 6 << 28 | tos << 20 | label, payload, protocol, TTL)
    return start + source + destination


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _put(data: bytearray, at: int, value: int) -> None:
    data[at : at + 2] = value.to_bytes(2, "big")
