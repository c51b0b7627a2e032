"""The map of backends: how an entry changes while packets flow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import compress

import numpy as np

from accel.datapath import encode
from accel.model.placement import PlacedBackend

WORDS = 8  # of struct backend
_HOP = 2  # the one with ifindex, 0 for no next hop
_GENERATION = 7  # its byte


class BackendTable:
    """The memory of `backends`: a row of eight words for each number.

    `forget` is called with numbers whose generations begin anew: only then can what an earlier
    backend of the number has left look like the new one's.
    """

    def __init__(self, rows: encode.Words, forget: Callable[[Sequence[int]], None]) -> None:
        self._rows = rows
        self._forget = forget

    def put(self, entries: Sequence[tuple[PlacedBackend, encode.Words]]) -> int:
        """Make the entries of these so. Returns how many writes that took."""
        if not entries:
            return 0
        numbers = np.array([b.number for b, _ in entries])
        wanted = np.array([words for _, words in entries])
        now = self._rows[numbers]
        new = now[:, 0] == 0
        differ = (now != wanted).any(axis=1)
        for placed, words in compress(entries, differ & ~new):
            self._rewrite(placed, words)
        self._forget([b.number for b, _ in compress(entries, new) if b.generation == 0])
        self._rows[numbers[new], 1:] = wanted[new, 1:]
        self._rows[numbers[new], 0] = wanted[new, 0]
        return int(differ.sum())

    def _rewrite(self, placed: PlacedBackend, words: encode.Words) -> None:
        now = self._rows[placed.number]
        if not np.array_equal(now[1:], words[1:]):
            # Meanwhile packets are dropped, but stay at their backend; another's do not come here.
            same = now.view(np.uint8)[_GENERATION] == placed.generation
            now[_HOP if same else 0] = 0
            now[3:], now[1] = words[3:], words[1]
            now[_HOP] = words[_HOP]
        now[0] = words[0]

    def clear(self, numbers: Iterable[int]) -> int:
        """These are nobody's. Returns how many writes that took."""
        stale = list(numbers)
        self._rows[stale, 0] = 0
        return len(stale)

    def keep(self, numbers: Collection[int]) -> int:
        """All others are nobody's. Returns how many writes that took."""
        return self.clear(n for n in map(int, np.flatnonzero(self._rows[:, 0])) if n not in numbers)
