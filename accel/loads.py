"""The load bound: how many new flows of a second each backend may get."""

from __future__ import annotations

import numpy as np

from accel import image
from accel.hint import Hints
from accel.image import Words
from accel.placed import PlacedService

RENEWED = 2  # seconds for which bounds hold, unless they are renewed
_ROUNDING = 1e-9  # of products in binary fractions


class Loads:
    """The memory of the map `loads`: by backend number, flows of this second and their limit."""

    def __init__(self, words: Words) -> None:
        self._loads = words.view(np.uint32).reshape(-1, 2)
        self._words = words

    def begin_second(self, placed: PlacedService, hints: Hints) -> None:
        """Count from 0 again. Limits: max(floor, ceil(bound x share x all of the last second))."""
        numbers = np.array([b.number for b in placed.backends], np.int64)
        weights = np.array(
            [b.backend.weight if image.admitted(b) else 0 for b in placed.backends], np.float64
        )
        if not weights.any():
            return
        total = self._loads[numbers, 0].sum(dtype=np.int64)
        wanted = np.ceil(hints.bound * weights / weights.sum() * total - _ROUNDING)
        limits = np.minimum(np.maximum(wanted, hints.floor), 2**32 - 1).astype(np.uint32)
        pairs = np.zeros((len(numbers), 2), np.uint32)
        pairs[:, 1] = limits
        self._words[numbers] = pairs.view(np.uint64)[:, 0]

    def of(self, number: int) -> tuple[int, int]:
        """New flows of the running second, and how many there may be."""
        flows, limit = map(int, self._loads[number])
        return flows, limit
