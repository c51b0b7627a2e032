"""The flow cache from user space: who has how many flows, and the clock that they age by.

The data path reads no clock: it compares a flow's age with an epoch that is counted on here.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from accel.datapath.encode import Words
from accel.datapath.layout import CONSTANTS

EPOCH_SECONDS = 128
_CHUNK = 1 << 16  # words looked at in one go: a sweep shares the machine with the packets


class Flows:
    """The memory of the maps `flows`, `backends` (a row of eight words each) and `settings`.

    What `proven` has, the sources that are proven, ages by the same clock.
    """

    def __init__(self, flows: Words, backends: Words, settings: Words, proven: Words) -> None:
        self._flows = flows
        self._proven = proven
        self._backends = backends
        self._settings = settings.view(np.uint32)
        self._epoch_at = time.monotonic()

    def per_backend(self) -> npt.NDArray[np.int64]:
        """How many live flows each backend number has."""
        counts = np.zeros(len(self._backends), np.int64)
        first = np.ascontiguousarray(self._backends[:, 0]).view(np.uint8).reshape(-1, 8)
        states, generations = first[:, 6], first[:, 7]
        for words in _chunks(self._flows):
            live = words[(words != 0) & (self._idle(words) <= CONSTANTS["LIFETIME"])]
            numbers = ((live >> np.uint64(12)) & np.uint64(0x1FFFF)).astype(np.int64)
            known = numbers < len(counts)
            live, numbers = live[known], numbers[known]
            generation = ((live >> np.uint64(4)) & np.uint64(0xFF)).astype(np.uint8)
            true = (generations[numbers] == generation) & np.isin(states[numbers], (1, 2))
            counts += np.bincount(numbers[true], minlength=len(counts))
        return counts

    def forget(self, number: int) -> None:
        """Take all flows of a backend number away, whatever their generation."""
        for words in _chunks(self._flows):
            words[((words >> np.uint64(12)) & np.uint64(0x1FFFF)) == number] = 0

    def tick(self) -> None:
        """To be called about once a second. Counts the epoch on, and then sweeps the dead away.

        A flow that is idle for longer than LIFETIME epochs is dead to the data path; the sweep
        takes it away before its age, which is counted modulo AGES, could look young again.
        """
        if time.monotonic() - self._epoch_at < EPOCH_SECONDS:
            return
        self._epoch_at = time.monotonic()
        self.next_epoch()

    def next_epoch(self) -> None:
        """What `tick` does when the time has come."""
        self._settings[0] += 1
        for words in (*_chunks(self._flows), *_chunks(self._proven)):
            dead = np.flatnonzero((words != 0) & (self._idle(words) > CONSTANTS["LIFETIME"]))
            words[dead] = 0

    def _idle(self, words: Words) -> Words:
        """Epochs since the last packet of each flow, modulo AGES."""
        mask = np.uint64(CONSTANTS["AGES"] - 1)
        return (np.uint64(self._settings[0]) - (words & mask)) & mask


def _chunks(words: Words) -> list[Words]:
    return [words[i : i + _CHUNK] for i in range(0, len(words), _CHUNK)]
