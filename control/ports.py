"""What parts of the daemon need of the data path and of the kernel's routes: a small port for each.

The real ones are objects of DataPath, and the Follower of routes; tests have others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from accel.datapath.capacity import Capacity
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.counts import Counts as GuardCounts
from accel.datapath.guard.counts import Selection
from accel.datapath.guard.maps import GuardKeys
from accel.datapath.hints.admission import Candidate
from accel.datapath.hints.pushed import Pushed
from accel.datapath.hints.values import HintCounts, Standing
from accel.datapath.samples import Samples
from accel.datapath.testrun import Outcome
from accel.ebpf.links import Attachment
from accel.model.address import Address
from accel.model.hints import HintUse
from accel.model.placement import Limits, NextHop, PlacedService
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes
from accel.model.quic import ServerId
from accel.nexthop.mirror import Unresolved
from accel.verdicts import Verdict

Counts = Mapping[Verdict, tuple[int, int]]
"""Packets and bytes by verdict."""


class SteeringPort(Protocol):
    """Services and backends. Writes do not overlap."""

    def sync(self, services: Sequence[PlacedService], /) -> int: ...
    def put(self, services: Sequence[PlacedService], removed: Collection[int] = (), /) -> int: ...
    def reset_service(self, index: int, /) -> None: ...
    def reset_backend(self, number: int, /) -> None: ...
    def second(self) -> None: ...


class SamplePort(Protocol):
    """Packets of which a few are told, each once."""

    def read_samples(self) -> Samples: ...


class GuardPort(SamplePort, Protocol):
    """The guards of services, by index."""

    @property
    def adopted(self) -> bool: ...
    def prepare(self) -> None: ...
    def enforce(self, stances: Mapping[int, Stance], /) -> int: ...
    def level(self, index: int, rule: Rule, /) -> Level: ...
    def counts(self, selection: Selection, /) -> GuardCounts: ...


class KeyPort(Protocol):
    """The guard's keys; those of an earlier daemon, if its maps were `adopted`."""

    @property
    def adopted(self) -> bool: ...
    def set_keys(self, keys: GuardKeys, /) -> None: ...


class GuardMapsPort(GuardPort, KeyPort, Protocol):
    """All that the guard's maps offer."""


class LookupPort(Protocol):
    """The prefix that decides about an address."""

    def lookup(self, address: Address, /) -> tuple[Network, bool] | None: ...


class PrefixPort(LookupPort, Protocol):
    """Allowed and denied prefixes."""

    @property
    def limit(self) -> int: ...
    def __len__(self) -> int: ...
    def prepare(self) -> None: ...
    def plan(
        self, put: Prefixes, remove: Prefixes | None = None, /, *, only: bool = False
    ) -> Callable[[], int]: ...
    def actions(self, prefixes: Prefixes, /) -> Any: ...


class HintSettingsPort(Protocol):
    """How services use hints, by index."""

    def prepare(self) -> None: ...
    def set(self, uses: Mapping[int, HintUse], /) -> int: ...


class ServerIdPort(Protocol):
    """Backends by the server ids in QUIC's connection ids."""

    def set_server_ids(self, ids: Mapping[int, Mapping[ServerId, int]], /) -> int: ...


class ClientHintPort(Protocol):
    """What hints there are for one client of a service."""

    def candidates(self, index: int, client: Address, /) -> Sequence[Candidate]: ...
    def held_out(self, index: int, client: Address, /) -> bool: ...


class HintCountPort(Protocol):
    """What decided, and how backends stand."""

    def counts(self, index: int, /) -> HintCounts: ...
    def learned_per_backend(self) -> Any: ...
    def standings(self, index: int, numbers: Sequence[int], /) -> Sequence[Standing]: ...


class HintMapsPort(ServerIdPort, SamplePort, ClientHintPort, HintCountPort, Protocol):
    """All that the maps of the hints offer."""

    @property
    def pushed(self) -> Pushed: ...
    def set_warmth(self, budgets: Mapping[int, int], /) -> None: ...


class CounterPort(Protocol):
    """Counters by a service's index, 0 for no service, or a backend's number."""

    def service(self, index: int, /) -> Counts: ...
    def noted(self, index: int, /) -> Counts: ...
    def backend(self, number: int, /) -> Counts: ...


class FlowPort(Protocol):
    """Flows in the cache."""

    def per_backend(self) -> Any: ...


class InterfacePort(Protocol):
    """Where the program is attached."""

    def attach(self, interface: str, mode: str, /) -> Attachment: ...
    def detach(self, interface: str, /) -> None: ...
    def attachments(self) -> Sequence[Attachment]: ...


class PacketPort(Protocol):
    """A packet through the program, and what it was decided by."""

    @property
    def prefixes(self) -> LookupPort: ...
    @property
    def hints(self) -> ClientHintPort: ...
    def run(self, frame: bytes, /) -> Outcome: ...


class StatusPort(Protocol):
    """Where the maps are, whose they were, and how full they are."""

    @property
    def adopted(self) -> bool: ...
    @property
    def pin_path(self) -> Path | None: ...
    def capacities(self) -> Sequence[Capacity]: ...


class DataPath(StatusPort, Protocol):
    """What has a port for each. Only the wiring sees it whole."""

    @property
    def limits(self) -> Limits: ...
    @property
    def steering(self) -> SteeringPort: ...
    @property
    def guards(self) -> GuardMapsPort: ...
    @property
    def prefixes(self) -> PrefixPort: ...
    @property
    def hint_settings(self) -> HintSettingsPort: ...
    @property
    def hints(self) -> HintMapsPort: ...
    @property
    def counters(self) -> CounterPort: ...
    @property
    def flows(self) -> FlowPort: ...
    @property
    def interfaces(self) -> InterfacePort: ...
    def run(self, frame: bytes, /) -> Outcome: ...
    def close(self) -> None: ...


class Follower(Protocol):
    """The next hops of addresses, from the kernel's routes and neighbours."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def follow_too(self, addresses: Collection[Address], /) -> None: ...
    def unfollow(self, addresses: Collection[Address], /) -> None: ...
    def resolve(self, address: Address, /) -> NextHop | Unresolved: ...


OpenDataPath = Callable[[Path | None, Limits], DataPath]
"""Of the folder to pin in (None: nothing is pinned) and the sizes of the maps."""
MakeFollower = Callable[[Callable[[set[Address]], None]], Follower]
"""Of a callback, called in the event loop with the addresses whose answer is another now."""
