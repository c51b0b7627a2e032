"""The map of pushed hints: a hash table of buckets of four, filled by the hundred thousand.

A hint is in the bucket of its hash or, if that was full, in one of the next. A bucket that was ever
full has no empty word again, by which the data path knows that it has to look at the next one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from accel.datapath.encode import Words
from accel.datapath.layout import CONSTANTS

WAYS = 4
STEPS = CONSTANTS["HINT_STEPS"]
_SWEEPS = 8  # calls of `sweep` that go through all of it
PRESENT = np.uint64(1)
_TAG, _LOW = np.uint64(0xFFFFFFFF << 32), np.uint64(0xFFFFFFFF)
Places = npt.NDArray[np.int64]


class HintTable:
    """The memory of the map `pushed`: for each hash the lower half of its word, and its times.

    A place is where a hint is, counted from the first one of the first bucket. `on_clear` is told
    the places, and the words there, of hints that are about to go, whatever the reason.
    """

    def __init__(self, words: Words, limit: int) -> None:
        self._hints = words.reshape(-1, 2)  # word and times
        self._words = self._hints[:, 0]
        self._buckets = words.reshape(-1, WAYS, 2)[:, :, 0]
        self.limit = limit
        self.on_clear: Callable[[Places, Words], None] | None = None
        self._swept = 0
        self._count = int(np.count_nonzero(self._words & PRESENT))

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self._words)

    def words(self, places: Places | slice) -> Words:
        """A copy of the words there; 0, or without PRESENT, where there is no hint."""
        return np.array(self._words[places])

    def times(self, places: Places | slice) -> Words:
        """A copy of the times there: when they end unless they are used, and in any case."""
        return np.array(self._hints[places, 1])

    def write(self, places: Places, hashes: Words, values: Words, times: Words) -> None:
        """At places that `find_places` or `find_room` gave for these hashes."""
        new = self._words[places] & PRESENT == 0
        self._hints[places, 1] = times
        self._words[places] = (hashes & _TAG) | values
        self._count += int(np.count_nonzero(new))

    def clear(self, places: Places) -> int:
        """How many hints there were at these places, each named once."""
        return self._clear(places[self._words[places] & PRESENT != 0])

    def find(self, hash_: np.uint64) -> tuple[int, int] | None:
        """Word and times of one hint."""
        place = int(self.find_places(np.array([hash_], np.uint64))[0])
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

    def _bucket(self, hashes: Words, step: int) -> Places:
        result: Places = ((hashes + np.uint64(step)) % np.uint64(len(self._buckets))).astype(
            np.int64
        )
        return result

    def find_places(self, hashes: Words) -> Places:
        """Where each is; -1 if it is not there."""
        found = np.full(len(hashes), -1, np.int64)
        left = np.arange(len(hashes))
        for step in range(STEPS):
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

    def find_room(self, hashes: Words) -> Places:
        """Where new ones can go, all of them at a time; -1 if there is none: very bad luck."""
        places = np.full(len(hashes), -1, np.int64)
        left = np.arange(len(hashes))
        taken: list[tuple[Places, Places]] = []  # buckets in order, and how many ways of each
        for step in range(STEPS):
            if not len(left):
                break
            buckets = self._bucket(hashes[left], step)
            order = np.argsort(buckets)
            left, buckets = left[order], buckets[order]
            first = np.flatnonzero(np.append(True, buckets[1:] != buckets[:-1]))
            count = np.diff(np.append(first, len(buckets)))
            rank = np.arange(len(buckets)) - np.repeat(first, count)
            for before, ways in taken:
                at = np.minimum(np.searchsorted(before, buckets), len(before) - 1)
                rank += np.where(before[at] == buckets, ways[at], 0)
            # Each takes the free way of its rank.
            free = self._buckets[buckets] & PRESENT == 0
            mine = free & (free.cumsum(axis=1, dtype=np.uint8) == rank[:, None] + 1)
            fits = mine.any(axis=1)
            places[left[fits]] = buckets[fits] * WAYS + mine[fits].argmax(axis=1)
            taken.append((buckets[first], np.add.reduceat(fits, first, dtype=np.int64)))
            left = left[~fits]
        return places

    def _clear(self, places: Places) -> int:
        if self.on_clear and len(places):
            self.on_clear(places, self._words[places])
        room = ~self._buckets[places // WAYS].all(axis=1)
        self._words[places[room]] = 0
        self._words[places[~room]] &= ~PRESENT
        self._count -= len(places)
        return len(places)


def of_numbers(words: Words, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the words are of these backend numbers."""
    return np.isin((words >> np.uint64(12)) & np.uint64(0x1FFFF), numbers)


def first_and_last(hashes: Words) -> tuple[Places, Places]:
    """The positions at which each hash that there is comes first, and last."""
    order = np.argsort(hashes, kind="stable")
    found = hashes[order]
    ends = np.append(found[1:] != found[:-1], True)[: len(found)]
    return order[np.append(True, ends[:-1])[: len(found)]], order[ends]
