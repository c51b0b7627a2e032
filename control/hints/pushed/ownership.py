"""Beside the table of pushed hints, which has only hashes: whose each one is, and who set it.

Addresses are in columns as long as the limit; each place of the table that has a hint has a number
in them, its record.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accel.datapath.encode import Words
from accel.datapath.hints.table import Places

CALLERS = 1 << 16
Counts = npt.NDArray[np.int64]
_NUMBER, _SHIFT = np.uint64(0x1FFFF), np.uint64(12)


class Owners:
    """Of `size` places, up to `limit` of which have a hint; backends' numbers are below `numbers`.

    `of_caller` and `of_number` count the hints of a caller, and those that lead to a backend.
    """

    def __init__(self, *, size: int, limit: int, numbers: int) -> None:
        self._records = np.zeros(size, np.int32)  # 0: none
        self._free = np.arange(limit, 0, -1, dtype=np.int32)
        self._left = limit
        self._high = np.zeros(limit + 1, np.uint64)
        self._low = np.zeros(limit + 1, np.uint64)
        self._callers = np.zeros(limit + 1, np.uint16)
        self.of_caller = np.zeros(CALLERS, np.int64)
        self.of_number = np.zeros(numbers, np.int64)

    def put(
        self,
        places: Places,
        before: Words,
        after: Words,
        clients: tuple[Words, Words],
        caller: Counts,
    ) -> None:
        """Places have other words now than before, and belong to these clients and callers.

        Of a place that is named twice, for two clients with one tag, the last counts.
        """
        records = self._records[places]
        order = np.arange(len(places), dtype=np.int32)
        self._records[places] = order
        last = self._records[places] == order
        if not last.all():
            places, records, before, after = places[last], records[last], before[last], after[last]
            clients, caller = (clients[0][last], clients[1][last]), caller[last]
        new = records == 0
        self._forget(records[~new], before[~new])
        count = int(np.count_nonzero(new))
        records[new] = self._free[self._left - count : self._left]
        self._left -= count
        self._records[places] = records
        self._high[records], self._low[records] = clients
        self._callers[records] = caller
        self.of_caller += np.bincount(caller, minlength=CALLERS)
        self.of_number += np.bincount(numbers_of(after), minlength=len(self.of_number))

    def clear(self, places: Places, words: Words) -> None:
        """There are no hints there any more; these words there were."""
        records = self._records[places]
        known = records != 0
        places, records = places[known], records[known]
        self._forget(records, words[known])
        self._records[places] = 0
        self._free[self._left : self._left + len(records)] = records
        self._left += len(records)

    def clients(self, places: Places) -> tuple[Words, Words]:
        """Both halves of the addresses of the hints there."""
        records = self._records[places]
        return self._high[records], self._low[records]

    def callers(self, places: Places) -> npt.NDArray[np.int64]:
        """Who set the hints there; of no hint 0."""
        return self._callers[self._records[places]].astype(np.int64)

    def _forget(self, records: npt.NDArray[np.int32], words: Words) -> None:
        callers = self._callers[records].astype(np.int64)
        self.of_caller -= np.bincount(callers, minlength=CALLERS)
        self.of_number -= np.bincount(numbers_of(words), minlength=len(self.of_number))


def numbers_of(words: Words) -> Counts:
    """The backend numbers of hints' words."""
    return ((words >> _SHIFT) & _NUMBER).astype(np.int64)
