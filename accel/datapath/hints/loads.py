"""The load bound: how many new flows of a second each backend may get."""

from __future__ import annotations

import numpy as np

from accel.datapath import encode
from accel.datapath.encode import Words
from accel.datapath.layout import CONSTANTS
from accel.model.hints import Hints
from accel.model.placement import PlacedService

RENEWED = 2  # seconds for which bounds hold, unless they are renewed
_ROUNDING = 1e-9  # of products in binary fractions
_WHOLE = CONSTANTS["PART_WHOLE"]
_MOST = 2**32 - 1


class Loads:
    """The memory of the map `loads`: by backend number, flows of this second, their limit, and the
    part of all the service's that there may be in any case; behind them all, by service."""

    def __init__(self, words: Words, backends: int) -> None:
        self._loads = words.view(np.uint32).reshape(-1, 4)
        self._words = words.reshape(-1, 2)
        self._first_service = backends

    def begin_second(self, placed: PlacedService, hints: Hints) -> None:
        """Count from 0 again. Limits: max(floor, ceil(bound x share x all of the last second))."""
        numbers = np.array([b.number for b in placed.backends], np.int64)
        weights = np.array(
            [b.backend.weight if encode.admitted(b) else 0 for b in placed.backends], np.float64
        )
        if not weights.any():
            return
        total = self._loads[numbers, 0].sum(dtype=np.int64)
        parts = hints.bound * weights / weights.sum()
        self._loads[numbers, 2] = np.minimum(np.rint(parts * _WHOLE), _MOST).astype(np.uint32)
        wanted = np.ceil(parts * total - _ROUNDING)
        limits = np.minimum(np.maximum(wanted, hints.floor), _MOST).astype(np.uint32)
        pairs = np.zeros((len(numbers), 2), np.uint32)
        pairs[:, 1] = limits
        self._words[numbers, 0] = pairs.view(np.uint64)[:, 0]
        self._loads[self._first_service + placed.index, 0] = 0

    def begin_backend(self, number: int) -> None:
        """It has no bound until the next second begins, which knows of it."""
        self._loads[number] = (0, _MOST, 0, 0)

    def of(self, index: int, number: int) -> tuple[int, int]:
        """New flows of a service's backend in the running second, and how many there may be now."""
        flows, limit, part, _ = map(int, self._loads[number])
        all_flows = int(self._loads[self._first_service + index, 0])
        return flows, max(limit, -(-part * all_flows // _WHOLE))
