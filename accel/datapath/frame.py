"""Ethernet frames as a client would send them, with right checksums. Pure.

Sources: IPv4 RFC 791, IPv6 RFC 8200, TCP RFC 9293, UDP RFC 768, checksum RFC 1071.
"""

from __future__ import annotations

import struct

from accel.model.address import Address
from accel.model.service import Protocol

_SYN, _ACK = 0x02, 0x10
_MSS = bytes((2, 4)) + (1460).to_bytes(2, "big")  # TCP option of a SYN
_WINDOW = 64240
_HOPS = 64
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
# Locally administered: the program takes frames for any address.
_DESTINATION = bytes.fromhex("02000000000a")
_SOURCE = bytes.fromhex("02000000000b")


def build(
    *,
    source: Address,
    source_port: int,
    destination: Address,
    destination_port: int,
    protocol: Protocol,
    syn: bool = False,
    payload: bytes = b"",
) -> bytes:
    """A frame without its check sequence; TCP is a SYN, or an ACK if not `syn`.

    Both addresses are of one family.
    """
    if protocol is Protocol.TCP:
        options = _MSS if syn else b""
        transport = struct.pack(
            "!HHIIBBHHH",
            source_port,
            destination_port,
            1,
            0 if syn else 1,
            (20 + len(options)) // 4 << 4,
            _SYN if syn else _ACK,
            _WINDOW,
            0,
            0,
        )
        segment = transport + options + payload
        at = 16
    else:
        length = 8 + len(payload)
        segment = struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
        at = 6
    pseudo = source.packed + destination.packed + struct.pack("!II", len(segment), protocol)
    total = checksum(pseudo + segment)
    if protocol is Protocol.UDP and total == 0:
        total = 0xFFFF
    segment = segment[:at] + total.to_bytes(2, "big") + segment[at + 2 :]
    header = _ip_header(source, destination, protocol, len(segment))
    ethernet = _DESTINATION + _SOURCE + _ETHERTYPES[source.version].to_bytes(2, "big")
    return ethernet + header + segment


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of `data`, its checksum field at zero."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _ip_header(source: Address, destination: Address, protocol: Protocol, length: int) -> bytes:
    if source.version == 6:
        fixed = struct.pack("!IHBB", 6 << 28, length, protocol, _HOPS)
        return fixed + source.packed + destination.packed
    fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 1, 0x4000, _HOPS, protocol)
    addresses = source.packed + destination.packed
    return fixed + checksum(fixed + addresses).to_bytes(2, "big") + addresses
