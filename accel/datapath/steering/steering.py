"""Services and backends in the maps.

Order matters, since packets flow meanwhile. What a packet may be led to is written before what
leads to it: backends, ring, service, sieve; and taken away the other way round.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from accel.datapath import encode
from accel.datapath.flows import Flows
from accel.datapath.maps import MapSet
from accel.datapath.program_choice import ProgramChoice
from accel.datapath.steering.backends import WORDS, BackendTable
from accel.datapath.steering.entries import Entries, all_keys, keys_of
from accel.datapath.steering.extension import Extension
from accel.datapath.steering.rings import Rings
from accel.errors import CapacityError
from accel.model.placement import PlacedService

_BATCH = 32  # rings that are built at a time


class Steering:
    """`extensions` are told of services and backends, in their order.

    One write at a time; the first one is a `sync`.
    """

    def __init__(
        self,
        maps: MapSet,
        *,
        entries: Entries,
        flows: Flows,
        choice: ProgramChoice,
        extensions: Sequence[Extension],
    ) -> None:
        self.limits = maps.limits
        self._entries = entries
        self._flows = flows
        self._choice = choice
        self._extensions = extensions
        self._leaf = maps.leaf("backends")
        self._sieve = maps.words("sieve")
        rings = (ring for _, (_, ring) in entries.table.items() if ring)
        self.rings = Rings(maps.words("rings"), rings)
        self._backends = BackendTable(maps.words("backends").reshape(-1, WORDS), self._forget)
        self._builders = ThreadPoolExecutor(min(8, os.cpu_count() or 1))

    def sync(self, services: Sequence[PlacedService]) -> int:
        """Make the maps hold exactly `services`. Returns how many writes that took.

        Raises CapacityError before the first write.
        """
        self._check_limits(services)
        indices = {s.index for s in services}
        self._entries.placed = {s.index: s for s in services}
        writes = self._put(services)
        writes += self._remove_keys([key for key, _ in self._entries.table.items()])
        writes += self._backends.keep({b.number for s in services for b in s.backends})
        writes += self._write_sieve()
        for extension in self._extensions:
            extension.keep(indices)
        writes += self._refresh(services)
        self._choice.activate()
        return writes

    def put(self, services: Sequence[PlacedService], removed: Collection[int] = ()) -> int:
        """Make these services so, take those with the indices `removed` away, leave all others.

        Returns how many writes that took. Raises CapacityError before the first write.
        """
        self._check_limits(services)
        placed = self._entries.placed
        gone = set(removed) - {s.index for s in services}
        touched = gone | {s.index for s in services}
        before = [placed[i] for i in touched if i in placed]
        placed = {i: s for i, s in placed.items() if i not in gone}
        self._entries.placed = placed | {s.index: s for s in services}
        writes = self._put(services)
        if stale := all_keys(before) - all_keys(services):
            writes += self._remove_keys(stale) + self._write_sieve()
        if gone:
            for extension in self._extensions:
                extension.drop(gone)
            self._choice.choose()
        writes += self._refresh([*before, *services])
        kept = {b.number for s in services for b in s.backends}
        return writes + self._backends.clear(
            b.number for s in before for b in s.backends if b.number not in kept
        )

    def reset_service(self, index: int) -> None:
        """That index is given out anew: its counts begin at 0."""
        for extension in self._extensions:
            extension.reset_service(index)

    def reset_backend(self, number: int) -> None:
        """That number is given out anew: its counts begin at 0."""
        for extension in self._extensions:
            extension.reset_backend(number)

    def second(self) -> None:
        """To be called about once a second: flows age, former rings are forgotten, loads begin."""
        self._flows.tick()
        self.rings.tick()
        for extension in self._extensions:
            extension.second(self._entries.placed)

    def close(self) -> None:
        """Let go."""
        self._builders.shutdown()

    def _put(self, services: Sequence[PlacedService]) -> int:
        entries = [
            (b, encode.backend_words(self._leaf, b, s.index)) for s in services for b in s.backends
        ]
        writes = self._backends.put([entry for entry in entries if encode.admitted(entry[0])])
        self._sieve[:] |= encode.sieve(s.service.address for s in services)
        for i in range(0, len(services), _BATCH):
            some = services[i : i + _BATCH]
            for placed, ring in zip(some, self._builders.map(encode.ring_lines, some), strict=True):
                writes += self._put_service(placed, *ring)
        return writes + self._backends.put(
            [entry for entry in entries if not encode.admitted(entry[0])]
        )

    def _put_service(self, placed: PlacedService, slots: int, lines: bytes) -> int:
        table, (key, address) = self._entries.table, keys_of(placed)
        before = table.ring(key)
        after = self.rings.place(slots, lines, before)
        index = placed.index
        for extension in self._extensions:
            index |= extension.marks(placed.index)
        writes = table.put(key, index, after, table.guard(key))
        self.rings.replaced(before, after)
        return writes + table.put(address, 0, guard=table.guard(address))

    def _refresh(self, touched: Sequence[PlacedService]) -> int:
        return sum(extension.refresh(touched) for extension in self._extensions)

    def _forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._flows.forget(number)
        for extension in self._extensions:
            extension.forget(numbers)

    def _remove_keys(self, keys: Iterable[bytes]) -> int:
        """Of `keys`, those that no present service has."""
        table = self._entries.table
        stale = set(keys) - all_keys(self._entries.placed.values())
        for key in stale:
            ring = table.ring(key)
            table.remove(key)
            self.rings.replaced(ring, 0)
        return len(stale)

    def _write_sieve(self) -> int:
        wanted = encode.sieve(s.service.address for s in self._entries.placed.values())
        if np.array_equal(self._sieve, wanted):
            return 0
        self._sieve[:] = wanted
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
