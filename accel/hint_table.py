"""The map of pushed hints: a hash table of buckets of four, filled by the hundred thousand.

A hint is in the bucket of its hash or, if that was full, in one of the next. A bucket that was ever
full has no empty word again, by which the data path knows that it has to look at the next one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accel.errors import CapacityError
from accel.image import Words
from accel.maps import CONSTANTS

WAYS = 4
_STEPS = CONSTANTS["HINT_STEPS"]
_CHUNK = 1 << 16
_SWEEPS = 64  # calls of `sweep` that go through all of it
PRESENT = np.uint64(1)
_TAG, _LOW = np.uint64(0xFFFFFFFF << 32), np.uint64(0xFFFFFFFF)
Places = npt.NDArray[np.int64]


class HintTable:
    """The memory of the map `pushed`: for each hash the lower half of its word, and its times."""

    def __init__(self, words: Words, limit: int) -> None:
        self._hints = words.reshape(-1, 2)  # word and times
        self._words = self._hints[:, 0]
        self._buckets = words.reshape(-1, WAYS, 2)[:, :, 0]
        self._limit = limit
        self._swept = 0
        self._count = int(np.count_nonzero(self._words & PRESENT))

    def __len__(self) -> int:
        return self._count

    def put(self, hashes: Words, values: Words, times: Words) -> None:
        """Of two with the same hash the later one counts. Raises CapacityError, nothing written."""
        if not len(hashes):
            return
        last = len(hashes) - 1 - np.unique(hashes[::-1], return_index=True)[1]
        hashes, values, times = hashes[last], values[last], times[last]
        self._check_room(hashes)
        for i in range(0, len(hashes), _CHUNK):
            part = slice(i, i + _CHUNK)
            places = self._find(hashes[part])
            new = places < 0
            places[new] = self._places(hashes[part][new])
            self._hints[places, 1] = times[part]
            self._words[places] = (hashes[part] & _TAG) | values[part]
            self._count += int(new.sum())

    def remove(self, hashes: Words) -> int:
        """How many of them there were."""
        places = np.unique(self._find(hashes))
        return self._clear(places[places >= 0])

    def find(self, hash_: np.uint64) -> tuple[int, int] | None:
        """Word and times of one hint."""
        place = int(self._find(np.array([hash_], np.uint64))[0])
        return None if place < 0 else (int(self._words[place]), int(self._hints[place, 1]))

    def forget(self, numbers: npt.NDArray[np.int64]) -> None:
        """Take the hints of these backend numbers away, whatever their generation."""
        self._clear(np.flatnonzero((self._words & PRESENT != 0) & of_numbers(self._words, numbers)))

    def sweep(self, now: int) -> None:
        """Take away what is past its time, in one part of the table at a call."""
        size = -(-len(self._words) // _SWEEPS)
        part = slice(self._swept * size, (self._swept + 1) * size)
        self._swept = (self._swept + 1) % _SWEEPS
        until = np.ascontiguousarray(self._hints[part, 1]).view(np.uint32)[::2]
        over = np.flatnonzero((self._words[part] & PRESENT != 0) & (until <= now))
        self._clear(over + part.start)

    def _check_room(self, hashes: Words) -> None:
        if self._count + len(hashes) <= self._limit:
            return
        known = int((self._find(hashes) >= 0).sum())
        if self._count + len(hashes) - known > self._limit:
            raise self._full(self._count + len(hashes) - known)

    def _full(self, needed: int) -> CapacityError:
        return CapacityError("hints", needed=needed, limit=self._limit, option="--max-hints")

    def _bucket(self, hashes: Words, step: int) -> Places:
        result: Places = ((hashes + np.uint64(step)) % np.uint64(len(self._buckets))).astype(
            np.int64
        )
        return result

    def _find(self, hashes: Words) -> Places:
        """Where each is; -1 if it is not there."""
        found = np.full(len(hashes), -1, np.int64)
        left = np.arange(len(hashes))
        for step in range(_STEPS):
            if not len(left):
                break
            buckets = self._bucket(hashes[left], step)
            rows = self._buckets[buckets]
            same = ((rows ^ hashes[left, None]) <= _LOW) & (rows & PRESENT != 0)
            at, way = same.nonzero()
            found[left[at]] = buckets[at] * WAYS + way
            more = np.asarray(rows.all(axis=1))
            more[at] = False
            left = left[more]
        return found

    def _places(self, hashes: Words) -> Places:
        """Where new ones go, all at a time. Raises CapacityError, which takes very bad luck."""
        places = np.full(len(hashes), -1, np.int64)
        left = np.arange(len(hashes))
        given: Places = np.empty(0, np.int64)
        for step in range(_STEPS):
            if not len(left):
                return places
            buckets = self._bucket(hashes[left], step)
            order = np.argsort(buckets, kind="stable")
            left, buckets = left[order], buckets[order]
            mine, first, count = np.unique(buckets, return_index=True, return_counts=True)
            rank = np.arange(len(buckets)) - np.repeat(first, count)
            slots = mine[:, None] * WAYS + np.arange(WAYS)
            free: npt.NDArray[np.bool_] = self._buckets[mine] & PRESENT == 0
            if step:
                free &= ~np.isin(slots, given)
            ways = np.argsort(~free, axis=1, kind="stable")
            row = np.repeat(np.arange(len(mine)), count)
            fits = rank < free.sum(axis=1)[row]
            places[left[fits]] = buckets[fits] * WAYS + ways[row[fits], rank[fits]]
            given = np.concatenate((given, places[left[fits]]))
            left = left[~fits]
        if len(left):
            raise self._full(self._limit + 1)
        return places

    def _clear(self, places: Places) -> int:
        room = ~self._buckets[places // WAYS].all(axis=1)
        self._words[places[room]] = 0
        self._words[places[~room]] &= ~PRESENT
        self._count -= len(places)
        return len(places)


def of_numbers(words: Words, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the words are of these backend numbers."""
    return np.isin((words >> np.uint64(12)) & np.uint64(0x1FFFF), numbers)
