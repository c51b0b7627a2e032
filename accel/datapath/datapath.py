"""The data path as user space sees it: services and backends in, counts and outcomes out.

Order matters, since packets flow meanwhile. What a packet may be led to is written before what
leads to it: backends, ring, service, sieve; and taken away the other way round.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accel.datapath import encode
from accel.datapath.counters import Counters, Counts
from accel.datapath.flows import Flows
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.counts import Counts as GuardCounts
from accel.datapath.guard.counts import Selection, read
from accel.datapath.guard.maps import GuardKeys, Guards
from accel.datapath.hints.maps import HintMaps
from accel.datapath.maps import MapSet, layout_hash, remove_folder
from accel.datapath.prefixes.table import PrefixTable
from accel.datapath.programs import GATEWAY, GATEWAY_PREFIX, VARIANTS, Programs
from accel.datapath.samples import SAMPLE, Samples
from accel.datapath.steering.backends import WORDS, BackendTable
from accel.datapath.steering.rings import Rings
from accel.datapath.steering.services_table import ServiceTable
from accel.datapath.testrun import Outcome, explain
from accel.ebpf.links import Attachment
from accel.ebpf.ringbuf import RecordReader
from accel.errors import CapacityError
from accel.model.address import Address
from accel.model.hints import HintUse
from accel.model.placement import Limits, PlacedService
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes

_BATCH = 32  # rings that are built at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """Entries in use and possible, and the memory that the map takes in bytes."""

    map: str
    used: int
    limit: int
    bytes: int


class DataPath:
    """The loaded program and its maps. One process at a time: the caller holds the lock."""

    def __init__(self, maps: MapSet, root: Path | None) -> None:
        self._maps = maps
        self.limits = maps.limits
        self.pin_path = maps.folder
        self.adopted = maps.adopted
        self._leaf = maps.leaf("backends")
        self._programs = Programs(maps, root)
        self._services: dict[int, PlacedService] = {}
        self._table = ServiceTable(maps.words("services"))
        self._guards = Guards(maps)
        self._samples = RecordReader(maps.fds["samples"], SAMPLE)
        self._prefixes = PrefixTable(maps)
        self.hints = HintMaps(maps)
        self._rings = Rings(maps.words("rings"), (r for _, (_, r) in self._table.items() if r))
        self._builders = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        rows = maps.words("backends").reshape(-1, WORDS)
        self._flows = Flows(maps.words("flows"), rows, maps.words("settings"), maps.words("proven"))
        self._backends = BackendTable(rows, self._forget)
        self._counters = Counters(maps)

    @classmethod
    def open(cls, pin_root: Path | None, limits: Limits, kept: Path | None = None) -> DataPath:
        """Compile and load; adopt the maps below `pin_root` if they are of this layout.

        Nothing is pinned without `pin_root`. In the folder `kept` stays what was compiled, for the
        next start. The program is not on any interface before the first
        `sync`, except where an earlier one is: it is replaced then. Raises HostError, ProgramError,
        and InvalidError for limits out of range.
        """
        limits.check()
        folder = pin_root / layout_hash(limits) if pin_root else None
        return cls(MapSet.open(folder, limits, GATEWAY, kept), pin_root)

    # Services and backends

    def sync(self, services: Sequence[PlacedService]) -> int:
        """Make the maps hold exactly `services`. Returns how many writes that took.

        Raises CapacityError before the first write.
        """
        self._check_limits(services)
        self._services = {s.index: s for s in services}
        writes = self._put(services)
        writes += self._remove_keys([key for key, _ in self._table.items()])
        numbers = {b.number for s in services for b in s.backends}
        writes += self._backends.keep(numbers)
        writes += self._write_sieve()
        self._guards.keep({s.index for s in services})
        self.hints.keep({s.index for s in services})
        writes += self._guard(services)
        self._choose_program()
        self._programs.activate()
        return writes

    def put(self, services: Sequence[PlacedService], removed: Collection[int] = ()) -> int:
        """Make these services so, take those with the indices `removed` away, leave all others.

        Returns how many writes that took. Raises CapacityError before the first write.
        """
        self._check_limits(services)
        gone = set(removed) - {s.index for s in services}
        touched = gone | {s.index for s in services}
        before = [self._services[i] for i in touched if i in self._services]
        self._services = {i: s for i, s in self._services.items() if i not in gone}
        self._services.update({s.index: s for s in services})
        writes = self._put(services)
        if stale := _all_keys(before) - _all_keys(services):
            writes += self._remove_keys(stale) + self._write_sieve()
        self._guards.drop(gone)
        if gone:
            self.hints.drop(gone)
            self._choose_program()
        writes += self._guard([*before, *services])
        kept = {b.number for s in services for b in s.backends}
        return writes + self._backends.clear(
            b.number for s in before for b in s.backends if b.number not in kept
        )

    def _put(self, services: Sequence[PlacedService]) -> int:
        entries = [
            (b, encode.backend_words(self._leaf, b, s.index)) for s in services for b in s.backends
        ]
        writes = self._backends.put([entry for entry in entries if encode.admitted(entry[0])])
        self._maps.words("sieve")[:] |= encode.sieve(s.service.address for s in services)
        for i in range(0, len(services), _BATCH):
            some = services[i : i + _BATCH]
            for placed, ring in zip(some, self._builders.map(encode.ring_lines, some), strict=True):
                writes += self._put_service(placed, *ring)
        return writes + self._backends.put(
            [entry for entry in entries if not encode.admitted(entry[0])]
        )

    def _put_service(self, placed: PlacedService, slots: int, lines: bytes) -> int:
        key, address = _keys(placed)
        before = self._table.ring(key)
        after = self._rings.place(slots, lines, before)
        index = self.hints.marked(placed.index)
        writes = self._table.put(key, index, after, self._table.guard(key))
        self._rings.replaced(before, after)
        return writes + self._table.put(address, 0, guard=self._table.guard(address))

    def _forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._flows.forget(number)
        self.hints.forget(numbers)

    def _remove_keys(self, keys: Iterable[bytes]) -> int:
        """Of `keys`, those that no present service has."""
        stale = set(keys) - _all_keys(self._services.values())
        for key in stale:
            ring = self._table.ring(key)
            self._table.remove(key)
            self._rings.replaced(ring, 0)
        return len(stale)

    def _write_sieve(self) -> int:
        now = self._maps.words("sieve")
        wanted = encode.sieve(s.service.address for s in self._services.values())
        if np.array_equal(now, wanted):
            return 0
        now[:] = wanted
        return 1

    def _check_limits(self, services: Sequence[PlacedService]) -> None:
        for what, limit, greatest in (
            ("services", self.limits.services, max((s.index for s in services), default=0)),
            (
                "backends",
                self.limits.backends,
                max((b.number for s in services for b in s.backends), default=0),
            ),
        ):
            if greatest >= limit:
                raise CapacityError(what, needed=greatest, limit=limit - 1, option=f"--max-{what}")

    # The guard

    def set_stances(self, stances: Mapping[int, Stance]) -> int:
        """What the guards of services do from now on, by index. Returns how many writes it took.

        A guard stays as it is while its service does; that of a removed service is off. ICMP and
        fragments for an address go by the guard of its first service that has one.
        """
        if not all(stance.idle for stance in stances.values()):
            self.prepare_guard()
        self._guards.set(stances)
        return self._guard([self._services[i] for i in stances if i in self._services])

    def prepare_guard(self) -> None:
        """Compile and load the guard's programs, so that the first stance need not wait for it.

        Raises ProgramError and HostError.
        """
        self._programs.prepare_guard()

    def set_guard_keys(self, keys: GuardKeys) -> None:
        """From now on challenges and cookies are made with these."""
        self._guards.set_keys(keys)

    def guard_level(self, index: int, rule: Rule) -> Level:
        """What the guard of a service does now; of an earlier daemon, if nothing was said since."""
        return self._guards.level(index, rule)

    def guard_counts(self, selection: Selection) -> GuardCounts:
        """What the guards of these services have counted so far."""
        return read(selection, self._counters.services, self._counters.backends)

    def read_samples(self) -> Samples:
        """Packets that were not let through, a few of them, since the last time."""
        return self._samples.read()

    def _guard(self, touched: Iterable[PlacedService]) -> int:
        """Let the entries of these services, and of their addresses, say who guards them."""
        addresses = {s.service.address for s in touched}
        writes, first = 0, dict.fromkeys(addresses, 0)
        for index, placed in sorted(self._services.items()):
            if placed.service.address not in addresses:
                continue
            guard = self._guards.number(index)
            writes += self._table.set_guard(_keys(placed)[0], guard)
            first[placed.service.address] = first[placed.service.address] or guard
        return writes + sum(
            self._table.set_guard(encode.service_key(address, 0, 0), guard)
            for address, guard in first.items()
        )

    # Prefixes

    @property
    def prefix_count(self) -> int:
        """How many are allowed or denied."""
        return len(self._prefixes)

    def put_prefixes(
        self, put: Prefixes, remove: Prefixes | None = None, *, only: bool = False
    ) -> int:
        """Allow or deny each of `put`, once; forget `remove`, or with `only` all others.

        Returns how many writes it took. What is adopted is to be put as a whole, with `only`,
        before anything else and before `sync`. Raises as `plan_prefixes` does.
        """
        return self.plan_prefixes(put, remove, only=only)()

    def plan_prefixes(
        self, put: Prefixes, remove: Prefixes | None = None, *, only: bool = False
    ) -> Callable[[], int]:
        """All of `put_prefixes` that takes long or may fail; what is returned does the rest.

        Raises CapacityError, InvalidError, ProgramError and HostError; nothing has changed then.
        """
        write = self._prefixes.plan(put, remove, only=only)
        if len(put):
            self.prepare_prefixes()

        def write_and_attach() -> int:
            writes = write()
            self._choose_program()
            return writes

        return write_and_attach

    def prepare_prefixes(self) -> None:
        """Compile and load what searches them, so that the first one need not wait for it.

        Raises ProgramError and HostError.
        """
        self._programs.prepare(GATEWAY_PREFIX)

    def prefix_actions(self, prefixes: Prefixes) -> npt.NDArray[np.int64]:
        """Of each, 0 if that very prefix is not there, else PREFIX_ALLOW or PREFIX_DENY."""
        return self._prefixes.actions(prefixes)

    def lookup_prefix(self, address: Address) -> tuple[Network, bool] | None:
        """The longest prefix that has `address`, and whether it is denied."""
        return self._prefixes.lookup(address)

    def _choose_program(self) -> None:
        self._programs.choose(prefixes=bool(self._prefixes), hints=self.hints.active)

    # Hints

    def set_hints(self, uses: Mapping[int, HintUse]) -> int:
        """How hints are used for services from now on, by index. Returns how many writes it took.

        What is adopted is to be set before `sync`. Raises ProgramError and HostError, nothing
        changed.
        """
        if not all(use.idle for use in uses.values()):
            self.prepare_hints()
        changed = [index for index, use in uses.items() if self.hints.configure(index, use)]
        for index in changed:
            if index in self._services:
                key, _ = _keys(self._services[index])
                marked = self.hints.marked(index)
                self._table.put(key, marked, self._table.ring(key), self._table.guard(key))
        self._choose_program()
        return len(changed)

    def prepare_hints(self) -> None:
        """Compile and load what hints take, so that the first need not wait for it.

        Raises ProgramError and HostError.
        """
        self._programs.prepare(VARIANTS[bool(self._prefixes), True])

    # Packets

    def run(self, frame: bytes) -> Outcome:
        """Run one Ethernet frame through the loaded program; the maps stay as they are.

        Raises HostError before kernel 5.18.
        """
        return explain(self.program, frame)

    @property
    def program(self) -> int:
        """The file descriptor of the program that is attached."""
        return self._programs.chosen

    # Counts

    def backend_counts(self, number: int) -> Counts:
        """Packets and bytes by FORWARD_* verdict."""
        return self._counters.backend(number)

    def service_counts(self, index: int) -> Counts:
        """Packets and bytes by the other verdicts; those of no service have index 0."""
        return self._counters.service(index)

    def noted_counts(self, index: int) -> Counts:
        """What guards at level monitor would have done: packets and bytes by verdict."""
        return self._counters.noted(index)

    def gateway_counts(self) -> Counts:
        """Packets and bytes of no service."""
        return self._counters.service(0)

    def reset_backend(self, number: int) -> None:
        """Zero the counters of a number that is given out anew."""
        self._counters.reset_backend(number)
        self.hints.loads.begin_backend(number)

    def reset_service(self, index: int) -> None:
        """Zero the counters of an index that is given out anew."""
        self._counters.reset_service(index)
        self.hints.reset_counts(index)

    def known_flows(self) -> npt.NDArray[np.int64]:
        """How many live flows each backend number has in the flow cache."""
        return self._flows.per_backend()

    def tick(self) -> None:
        """To be called about once a second: flows age, former rings are forgotten, loads begin."""
        self._flows.tick()
        self._rings.tick()
        self.hints.second(self._services)

    def capacities(self) -> list[Capacity]:
        """Each map, how full it is, and the memory that it takes."""
        services, limits = len(self._services), self.limits
        backends = sum(len(s.backends) for s in self._services.values())
        slots = sum(s.service.ring_size for s in self._services.values())
        flows = int(self.known_flows().sum())
        return [
            Capacity(map=name, used=used, limit=limit, bytes=self._maps.memory(name))
            for name, used, limit in (
                ("services", services, limits.services - 1),
                ("backends", backends, limits.backends - 1),
                ("rings", slots, limits.slots),
                ("flows", flows, self._maps.words("flows").size),
                ("prefixes", self.prefix_count, limits.prefixes),
                ("pushed", len(self.hints), limits.hints),
                ("counters", services + backends, limits.services + limits.backends),
            )
        ]

    # Interfaces

    def attach(self, interface: str, mode: str = "auto") -> Attachment:
        """Attach the program. `mode` is "auto", "native" or "generic"; see Links.attach."""
        return self._programs.links.attach(self.program, interface, mode)

    def detach(self, interface: str) -> None:
        """Raises NotFoundError if the program is not attached there."""
        self._programs.links.detach(interface)

    def attachments(self) -> list[Attachment]:
        """Where the program is attached."""
        return self._programs.links.attachments()

    def close(self) -> None:
        """Let go. What is pinned stays, and so does what is attached."""
        self._builders.shutdown()
        self._programs.close()
        self.hints.close()
        self._maps.close()

    def destroy(self) -> None:
        """Detach from all interfaces and unpin everything."""
        for attachment in self.attachments():
            self.detach(attachment.interface)
        self.close()
        if self.pin_path:
            remove_folder(self.pin_path)


def _keys(placed: PlacedService) -> tuple[bytes, bytes]:
    """Its keys in the map of services: its own, and that of its address as such."""
    s = placed.service
    return encode.service_key(s.address, s.port, s.protocol), encode.service_key(s.address, 0, 0)


def _all_keys(services: Iterable[PlacedService]) -> set[bytes]:
    return {key for placed in services for key in _keys(placed)}
