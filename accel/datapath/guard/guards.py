"""The guards of services: what they do, what they have counted, and which entries lead to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from accel.datapath import encode
from accel.datapath.counters import Counters
from accel.datapath.guard.actions import Stance
from accel.datapath.guard.counts import Counts, Selection, read
from accel.datapath.guard.maps import Guards
from accel.datapath.maps import MapSet
from accel.datapath.programs import Programs
from accel.datapath.samples import SAMPLE, Samples
from accel.datapath.steering.entries import Entries, keys_of
from accel.datapath.steering.extension import Extension
from accel.ebpf.ringbuf import RecordReader
from accel.model.placement import PlacedService


class ServiceGuards(Guards, Extension):
    """Services are called by their index. `adopted`: an earlier daemon's guards may be at work."""

    def __init__(
        self, maps: MapSet, entries: Entries, counters: Counters, programs: Programs
    ) -> None:
        super().__init__(maps)
        self.adopted = maps.adopted
        self._entries = entries
        self._counters = counters
        self._programs = programs
        self._samples = RecordReader(maps.fds["samples"], SAMPLE)

    def enforce(self, stances: Mapping[int, Stance]) -> int:
        """What the guards of services do from now on. Returns how many writes it took.

        A guard stays as it is while its service does; that of a removed service is off. ICMP and
        fragments for an address go by the guard of its first service that has one.
        """
        if not all(stance.idle for stance in stances.values()):
            self.prepare()
        self.set(stances)
        placed = self._entries.placed
        return self.refresh([placed[i] for i in stances if i in placed])

    def prepare(self) -> None:
        """Compile and load the guard's programs, so that the first stance need not wait for it.

        Raises ProgramError and HostError.
        """
        self._programs.prepare_guard()

    def counts(self, selection: Selection) -> Counts:
        """What the guards of these services have counted so far."""
        return read(selection, self._counters.services, self._counters.backends)

    def read_samples(self) -> Samples:
        """Packets that were not let through, a few of them, since the last time."""
        return self._samples.read()

    def refresh(self, touched: Iterable[PlacedService]) -> int:
        """Let the entries of these services, and of their addresses, say who guards them."""
        addresses = {s.service.address for s in touched}
        writes, first = 0, dict.fromkeys(addresses, 0)
        for index, placed in sorted(self._entries.placed.items()):
            if placed.service.address not in addresses:
                continue
            guard = self.number(index)
            writes += self._entries.table.set_guard(keys_of(placed)[0], guard)
            first[placed.service.address] = first[placed.service.address] or guard
        return writes + sum(
            self._entries.table.set_guard(encode.service_key(address, 0, 0), guard)
            for address, guard in first.items()
        )
