"""The guard's clock, for tests: it does not stop, but what was noted by it can be taken along."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from accel.datapath.layout import CONSTANTS, ticks_per_second
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf

TICK = 1 << CONSTANTS["CLOCK_SHIFT"]  # in units of the guard's clock
_TIME_HALF = 0 if sys.byteorder == "little" else 1  # of a tagged word


class Clock:
    """Stands still but when told; `passed` are the ticks that it was told, or could not keep back.

    `words` are of maps that have a time in their lower halves.
    """

    def __init__(self, words: Sequence[np.ndarray]) -> None:
        self._words = words
        compiled = compile_bpf(Path(__file__).with_name("ticks.c"))
        self.now = syscall.Question(compiled.load("ticks")).ask
        compiled.close()
        self.passed = 0
        self._ticks = self.now()

    def read(self) -> None:
        """From here on it stands still. A tick that passed since `stand_still` has passed."""
        now = self.now()
        self.passed += now - self._ticks
        self._ticks = now

    def stand_still(self, now: int) -> None:
        """To be called before each packet with the tick that it is, and `read` after it."""
        if now != self._ticks:
            self._move(now - self._ticks)
            self._ticks = now

    def pass_by(self, seconds: float) -> None:
        """Time passes: what was noted is as much longer ago."""
        ticks = round(seconds * ticks_per_second())
        self._move(-ticks)
        self.passed += ticks

    def noted(self) -> list[bytes]:
        """The words, with times that stay the same until they are written anew."""
        ahead = self._ticks - self.passed
        self._move(-ahead)
        words = [words.tobytes() for words in self._words]
        self._move(ahead)
        return words

    def _move(self, ticks: int) -> None:
        for words in self._words:
            there = np.flatnonzero(words)
            times = words.view(np.uint32)[_TIME_HALF::2]
            times[there] += np.uint32(ticks * TICK % (1 << 32))
