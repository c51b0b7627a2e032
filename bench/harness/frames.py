"""The packets of the benchmark, all of one length. The wrapper puts the client's address in."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from accel.datapath import frame
from accel.model.address import Address
from accel.model.service import Protocol
from bench.harness.runner import FRAME

SERVICE4 = ip_address("192.0.2.10")
SERVICE6 = ip_address("2001:db8::10")
ELSEWHERE4 = ip_address("198.51.100.7")
_CLIENTS = {4: ip_address("10.0.0.0"), 6: ip_address("2001:db8:c::a00:0")}
PORT = 443


# MSS 1460, SACK permitted, timestamps, window scale 7, in the order that Linux has them in.
LINUX_OPTIONS = bytes.fromhex("020405b4 0402 080a 0001e240 00000000 01 030307")


def segment(
    destination: Address, flags: int, *, seq: int = 1, ack: int = 0, options: bytes = b""
) -> bytes:
    """From a client to port 443 of `destination`. Checksums are not right: nobody asks."""
    frame = bytearray(packet(destination, Protocol.TCP))
    at = 34 if destination.version == 4 else 54
    struct.pack_into("!IIBB", frame, at + 4, seq, ack, (20 + len(options)) // 4 << 4, flags)
    frame[at + 20 : at + 20 + len(options)] = options
    return bytes(frame)


def packet(destination: Address, protocol: Protocol, *, syn: bool = False) -> bytes:
    """From a client to port 443 of `destination`: a SYN, an ACK with data, or a datagram."""

    def build(payload: int) -> bytes:
        return frame.build(
            source=_CLIENTS[destination.version],
            source_port=1024,
            destination=destination,
            destination_port=PORT,
            protocol=protocol,
            syn=syn,
            payload=bytes(payload),
        )

    return build(FRAME - len(build(0)))
