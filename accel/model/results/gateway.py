"""What the daemon is asked and answers, as plain values, besides services and backends."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.results.hints import KnownHint
from accel.model.service import Protocol, Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """Where frames for a backend leave, or the `problem` that keeps them from it."""

    resolved: bool
    interface: str = ""
    mac: str = ""
    mtu: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A backend and how its next hop stands."""

    backend: Backend
    hop: Hop


class ChangeKind(enum.IntEnum):
    """The numbers are those of the API."""

    CREATED = 1
    UPDATED = 2
    DELETED = 3
    NEXT_HOP = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One object's change; `before` is None where it was created, `after` where deleted."""

    kind: ChangeKind
    before: Service | Reached | None
    after: Service | Reached | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """The start or the end of an attack on a service. `excess_per_second`: packets that no client
    stands behind, at the end the most there were. `seconds`: at the end, how long it was.
    """

    service: str
    started: bool
    monitored: bool
    excess_per_second: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A change and the revision of the store that it made; or an attack, and the present one."""

    revision: int
    change: Change | None = None
    attack: Attack | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Packets and bytes that ended in `verdict`."""

    verdict: str
    packets: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendStats:
    """`ring_share` is from 0 to 1; `known_flows` are those in the flow cache."""

    backend: str
    counts: tuple[Count, ...]
    ring_share: float
    known_flows: int

    @property
    def packets(self) -> int:
        return sum(count.packets for count in self.counts)

    @property
    def bytes(self) -> int:
        return sum(count.bytes for count in self.counts)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceStats:
    """`counts` are of the packets that no backend got; `noted`: what the guard would have done."""

    service: str
    counts: tuple[Count, ...]
    backends: tuple[BackendStats, ...]
    noted: tuple[Count, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """`gateway` counts the packets of no service."""

    gateway: tuple[Count, ...]
    services: tuple[ServiceStats, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a packet to be explained goes: a service by its name, or else an address.

    `port` goes with a service only if that is for any port.
    """

    service: str = ""
    address: Address | None = None
    port: int = 0
    protocol: Protocol | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What would happen to one packet. `ring_slot` is None where the ring was not asked.

    `outcome` is what decided where a new flow goes, empty if hints were not asked, and `hints` what
    there is for its client.
    """

    verdict: str
    meaning: str
    action: str
    service: str
    backend: str
    known_flow: bool
    ring_slot: int | None
    interface: str
    packet_in: bytes
    packet_out: bytes
    steps: tuple[str, ...]
    outcome: str = ""
    hints: tuple[KnownHint, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """An interface that the program runs on; `xdp_mode` is native or generic."""

    interface: str
    xdp_mode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MapUse:
    """Entries that a map has and can have, and the bytes of memory it takes."""

    map: str
    used: int
    limit: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The daemon itself. `adopted`: it took over the maps of an earlier one."""

    version: str
    revision: int
    attachments: tuple[Attached, ...]
    pin_path: str
    adopted: bool
    capacities: tuple[MapUse, ...]
    uptime_seconds: int
