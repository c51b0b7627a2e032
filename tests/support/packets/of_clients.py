"""The same packet from many clients: scapy writes it once, and tests need it thousands of times.

What differs from client to client, an address and a port, is put into the bytes, and the checksums
are brought up to date as in RFC 1624.
"""

from __future__ import annotations

import struct
from functools import cache
from ipaddress import ip_address

from scapy.all import Packet

from tests.support.packets.packets import LINK, to_api

_IP = 14  # where the IP header begins
_SOURCE = {4: _IP + 12, 6: _IP + 8}
_TRANSPORT = {4: _IP + 20, 6: _IP + 40}
_HEADER_CHECKSUM = _IP + 10  # of IPv4
_NOBODY = {4: "0.0.0.0", 6: "::"}
_SUM = {"TCP": 16, "UDP": 6}  # where the checksum is in the transport header


class OfClients:
    """A packet to the API, of which `transport` is what follows its IP header."""

    def __init__(self, version: int, transport: Packet) -> None:
        start = _TRANSPORT[version]
        self._source = _SOURCE[version]
        self._port = start
        self._is_udp = transport.name == "UDP"
        sums = [start + _SUM[transport.name]]
        self._sums = [_HEADER_CHECKSUM, *sums] if version == 4 else sums
        transport = transport.copy()
        transport.sport = 0
        self._bytes = bytes(LINK / to_api(version, src=_NOBODY[version]) / transport)

    def frame(self, client: str, port: int) -> bytes:
        """The frame of one client."""
        address, words = _packed(client)
        frame = bytearray(self._bytes)
        frame[self._source : self._source + len(address)] = address
        struct.pack_into("!H", frame, self._port, port)
        for at in self._sums:
            more = words if at == _HEADER_CHECKSUM else words + port
            struct.pack_into("!H", frame, at, self._updated(at, more))
        return bytes(frame)

    def _updated(self, at: int, more: int) -> int:
        """The checksum there, after `more` has come where there were zeros (RFC 1624, 3)."""
        (before,) = struct.unpack_from("!H", self._bytes, at)
        total = (before ^ 0xFFFF) + more
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        after = total ^ 0xFFFF
        return 0xFFFF if self._is_udp and at != _HEADER_CHECKSUM and not after else after


@cache
def _packed(client: str) -> tuple[bytes, int]:
    """An address, and the sum of its 16-bit words."""
    packed = ip_address(client).packed
    return packed, sum(struct.unpack(f"!{len(packed) // 2}H", packed))
