"""Rates of what the guards count, over the last tenths of a second."""

from __future__ import annotations

from collections import deque

import numpy as np

from accel.control.guard.detector import Floats
from accel.datapath.guard.counts import Counted, Counts, Selection
from accel.model.placement import PlacedService

SHORT = 3  # ticks that an attack is told by
LONG = 10  # ticks that are shown, and learned from
_UNKNOWN = -1  # nothing was read before


class GuardRates:
    """Of `services`, by their place in that list. Counts are packets so far, a row for each."""

    def __init__(self, services: tuple[PlacedService, ...]) -> None:
        self.services = services
        self.names = [s.service.name for s in services]
        self.rows = {name: row for row, name in enumerate(self.names)}
        self.selection = Selection.of(services)
        self._last: tuple[float, Counts] | None = None
        self._latest: Floats | None = None
        self._ticks: deque[tuple[float, Counts]] = deque(maxlen=LONG)

    def renewed(self, services: tuple[PlacedService, ...]) -> GuardRates:
        """The same for other services: those that are in both keep what was counted."""
        new = GuardRates(services)
        rows = {(s.index, s.service.name): row for row, s in enumerate(self.services)}
        kept = np.array([rows.get((s.index, s.service.name), -1) for s in services], np.intp)

        def moved(counts: Counts, missing: int) -> Counts:
            padded = np.vstack([counts, np.full((1, len(Counted)), missing, np.int64)])
            return padded[kept]

        new._ticks.extend((seconds, moved(counts, 0)) for seconds, counts in self._ticks)
        if self._last is not None:
            new._last = self._last[0], moved(self._last[1], _UNKNOWN)
        return new

    def add(self, counts: Counts, now: float) -> bool:
        """What is counted at `now`, in seconds. Whether there is any rate yet.

        What is less than before was begun anew.
        """
        if self._last is not None:
            at, before = self._last
            grown = np.where(before == _UNKNOWN, 0, np.maximum(counts - before, 0))
            self._ticks.append((max(now - at, 1e-3), grown))
        self._last = now, counts
        self._latest = None
        return bool(self._ticks)

    def latest(self) -> Floats:
        """Over the last LONG ticks, looked at once for all services."""
        found = self._latest
        if found is None:
            self._latest = found = self.per_second(LONG)
        return found

    def per_second(self, ticks: int) -> Floats:
        """Over the last so many ticks, or as many as there were."""
        recent = list(self._ticks)[-ticks:]
        if not recent:
            return np.zeros((len(self.services), len(Counted)))
        seconds = sum(length for length, _ in recent)
        total: Floats = np.sum([counts for _, counts in recent], axis=0, dtype=np.float64)
        return total / seconds
