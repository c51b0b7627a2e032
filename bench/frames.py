"""The packets of the benchmark, all of one length. The wrapper puts the client's address in."""

from __future__ import annotations

from ipaddress import ip_address

from accel import frame
from accel.model import Address, Protocol
from bench.harness import FRAME

SERVICE4 = ip_address("192.0.2.10")
SERVICE6 = ip_address("2001:db8::10")
ELSEWHERE4 = ip_address("198.51.100.7")
_CLIENTS = {4: ip_address("10.0.0.0"), 6: ip_address("2001:db8:c::a00:0")}
PORT = 443


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
