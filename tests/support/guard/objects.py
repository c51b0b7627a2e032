"""Services with guards, as the data path has them."""

from __future__ import annotations

from accel.model.address import parse_address
from accel.model.backend import Backend, Mode
from accel.model.guard import Guard
from accel.model.placement import NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service


def placed(
    name: str,
    index: int,
    guard: Guard,
    *,
    backends: int = 1,
    mode: Mode = Mode.IPIP,
    mtu: int = 1500,
    version: int = 4,
) -> PlacedService:
    """With backends at addresses of IP `version`, all reached over links of that `mtu`."""
    hop = NextHop(ifindex=1, interface="lo", mac=bytes(6), source_mac=bytes(6), mtu=mtu)
    at = "10.0.0.1" if version == 4 else "2001:db8::1"
    return PlacedService(
        service=Service(
            name=name,
            address=parse_address(f"192.0.2.{index}", ""),
            port=443,
            protocol=Protocol.TCP,
            guard=guard,
        ),
        index=index,
        backends=tuple(
            PlacedBackend(
                backend=Backend(
                    service=name, name=f"b{n}", address=parse_address(at, ""), mode=mode
                ),
                number=16 * index + n,
                generation=1,
                next_hop=hop,
            )
            for n in range(backends)
        ),
    )
