"""The last samples of what was not let through, and who sent them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from accel.control.guard.top_sources import Source, TopSources
from accel.control.ports import SamplePort
from accel.datapath.samples import SAMPLE, Samples

KEPT = 1024  # samples, of all services


class KeptSamples:
    """Bounded whatever comes: KEPT samples and a sketch of sources. `clock` is in seconds."""

    def __init__(self, maps: SamplePort, clock: Callable[[], float] = time.monotonic) -> None:
        self._maps = maps
        self._clock = clock
        self._sources = TopSources()
        self._kept = np.zeros(0, SAMPLE)
        self._times = np.zeros(0)
        self._reading = False

    def tick(self) -> None:
        """Read what has come; to be called ten times a second."""
        new, now = self._maps.read_samples(), self._clock()
        # Nobody knows when those came that waited for a daemon to start.
        known, self._reading = self._reading, True
        if not len(new):
            return
        if known:
            self._sources.add(new, now)
        self._kept = np.concatenate([self._kept, new])[-KEPT:]
        self._times = np.concatenate([self._times, np.full(len(new), now)])[-KEPT:]

    def forget(self, index: int) -> None:
        """That index is another service's from now on."""
        self._sources.forget(index)
        others = self._kept["service"] != index
        self._kept, self._times = self._kept[others], self._times[others]

    def sources(self, index: int) -> list[Source]:
        """The prefixes that send most of what a service does not let through."""
        return self._sources.top(index, self._clock())

    def last(self, most: int, index: int | None = None) -> Iterator[tuple[float, Samples]]:
        """The newest first, each with its age in seconds; of one service, or of all."""
        kept, times, now = self._kept, self._times, self._clock()
        rows = np.arange(len(kept)) if index is None else np.flatnonzero(kept["service"] == index)
        for row in rows[::-1][:most]:
            yield now - float(times[row]), kept[row]
