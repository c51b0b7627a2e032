"""Guards and their keys in memory: GuardPort and KeyPort."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accel.datapath.guard.actions import OFF, Level, Rule, Stance
from accel.datapath.guard.counts import Counted, Counts, Selection
from accel.datapath.guard.maps import GuardKeys
from accel.datapath.samples import SAMPLE, Samples


class FakeGuards:
    """`counted` and `samples` are for tests to fill in."""

    def __init__(self, *, adopted: bool = False) -> None:
        self.adopted = adopted
        self.stances: dict[int, Stance] = {}
        self.counted: dict[int, dict[Counted, int]] = {}
        self.samples = np.zeros(0, SAMPLE)
        self.keys: list[GuardKeys] = []

    def prepare(self) -> None:
        """Nothing to compile."""

    def enforce(self, stances: Mapping[int, Stance], /) -> int:
        self.stances.update(stances)
        return len(stances)

    def level(self, index: int, rule: Rule, /) -> Level:
        return self.stances.get(index, OFF).levels.get(rule, Level.OFF)

    def counts(self, selection: Selection, /) -> Counts:
        rows = [self.counted.get(int(index), {}) for index in selection.indices]
        return np.array([[row.get(c, 0) for c in Counted] for row in rows], np.int64)

    def read_samples(self) -> Samples:
        taken, self.samples = self.samples, np.zeros(0, SAMPLE)
        return taken

    def set_keys(self, keys: GuardKeys, /) -> None:
        self.keys.append(keys)
