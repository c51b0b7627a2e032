"""Services and backends with the numbers that they have in the maps."""

from __future__ import annotations

from dataclasses import dataclass

from accel.errors import InvalidError
from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.service import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class NextHop:
    """Where frames for a backend leave: interface, MAC addresses, VLAN id (0: none), MTU in bytes.

    `source` is the source address of an outer header, of the family of the backend's address.
    """

    ifindex: int
    interface: str
    mac: bytes
    source_mac: bytes
    mtu: int
    vlan: int = 0
    source: Address | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedBackend:
    """A backend with its `number` (1 up, unique in the gateway) and `generation` (0 to 255).

    The generation differs each time that a number is given to another backend, so that a flow
    of the earlier one is never taken for a flow of this one.
    """

    backend: Backend
    number: int
    generation: int
    next_hop: NextHop | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedService:
    """A service with its `index` (1 up) in the map of rings and in the counters."""

    service: Service
    index: int
    backends: tuple[PlacedBackend, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many entries the maps hold. Part of the layout: other limits mean other maps."""

    services: int = 1024
    backends: int = 16384
    flows: int = 1 << 20
    slots: int = 1 << 24
    sources: int = 1 << 18
    hints: int = 1 << 16
    prefixes: int = 1 << 16

    def check(self) -> Limits:
        """Return self, or raise InvalidError that names the option which is out of range."""
        for option, value, greatest in (
            ("--max-services", self.services, 1 << 15),
            ("--max-backends", self.backends, 1 << 17),  # 17 bits of a word in the flow cache
            ("--max-flows", self.flows, 1 << 28),
            ("--max-slots", self.slots, 1 << 31),
            ("--max-sources", self.sources, 1 << 26),
            ("--max-hints", self.hints, 1 << 26),
            ("--max-prefixes", self.prefixes, 1 << 24),
        ):
            if not 2 <= value <= greatest:
                raise InvalidError(option, f"{value} is not from 2 to {greatest}")
        return self
