"""The memory of rings: each ring has a run of lines in one map.

A service's entry says by one word where its ring is. A new ring is written where there is room,
then steering.py stores that word in the entry: the ring is swapped whole. The former one stays
readable for a while, for the handshakes that it has steered (bpf/steering/ring.h), and its lines
are used again only after that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from accel.datapath import encode
from accel.datapath.encode import Words
from accel.errors import CapacityError

FORMER_SECONDS = 5.0  # a handshake whose SYN or SYN-ACK is lost twice takes 3 s (RFC 6298)
_GRACE_SECONDS = 0.01  # a packet under way reads a ring for microseconds
_WORDS = encode.LINE // 8


def lines_of(word: int) -> int:
    """Lines of the ring that a ring word tells of, the header too."""
    slots, numbers = word >> 32 & 0x1FFFF, word >> 49
    return 1 + -(-slots // encode.SLOTS_PER_LINE) + numbers


class Rings:
    """The memory of the map `rings`; `present` are the ring words in use already."""

    def __init__(self, words: Words, present: Iterable[int] = ()) -> None:
        self._words = words.reshape(-1, _WORDS)
        self._taken: dict[int, int] = {}  # first line to end of each run
        self._former: dict[int, tuple[float, int]] = {}  # ring word to expiry and its former's
        self._released: list[tuple[float, int]] = []
        for word in present:
            self._take(word)
            if former := int(self._words[_first(word), 0]):
                self._take(former)
                self._former[word] = (time.monotonic() + FORMER_SECONDS, former)

    @property
    def used(self) -> int:
        """Lines in use."""
        return sum(end - first for first, end in self._taken.items())

    def place(self, slots: int, lines: bytes, before: int) -> int:
        """Write a ring where `before` is the present ring word, 0 for none; returns the new word.

        It is `before` if that ring is the same. Else the caller stores the new word, and then
        calls `replaced`. Raises CapacityError.
        """
        if not slots:
            return 0
        numbers = len(lines) // encode.LINE - -(-slots // encode.SLOTS_PER_LINE)
        shape = slots << 32 | numbers << 49
        words = encode.lines_as_words(lines)
        if before and before >> 32 == shape >> 32:
            start = _first(before) + 1
            if (self._words[start : start + len(words)] == words).all():
                return before
        first = self._find_room(1 + len(words))
        self._words[first, :2] = before, np.count_nonzero(words[-numbers:].view(np.uint32))
        self._words[first + 1 : first + 1 + len(words)] = words
        self._take(shape | first)
        return shape | first

    def replaced(self, before: int, after: int) -> None:
        """`after` has taken the place of `before`, either 0 for none."""
        if before in (0, after):
            return
        self._expire(before)
        if after:
            self._former[after] = (time.monotonic() + FORMER_SECONDS, before)
        else:
            self._release(before)

    def tick(self, now: float | None = None) -> None:
        """Forget former rings whose time is over at `now`, of time.monotonic()."""
        now = time.monotonic() if now is None else now
        for word in [w for w, (until, _) in self._former.items() if until <= now]:
            self._expire(word)

    def _expire(self, word: int) -> None:
        """The ring `word` has no former one any more."""
        if word in self._former:
            _, former = self._former.pop(word)
            self._words[_first(word), 0] = 0
            self._release(former)

    def _release(self, word: int) -> None:
        self._released.append((time.monotonic() + _GRACE_SECONDS, word))

    def _take(self, word: int) -> None:
        self._taken[_first(word)] = _first(word) + lines_of(word)

    def _find_room(self, count: int) -> int:
        """The first line of a free run. Former rings go early where there is no other room."""
        while True:
            now = time.monotonic()
            for until, word in [r for r in self._released if r[0] <= now]:
                self._released.remove((until, word))
                del self._taken[_first(word)]
            first = self._gap(count)
            if first is not None:
                return first
            if self._released:
                time.sleep(_GRACE_SECONDS)
            elif self._former:
                self._expire(next(iter(self._former)))
            else:
                raise CapacityError(
                    "lines of rings",
                    needed=self.used + count,
                    limit=len(self._words),
                    option="--max-slots",
                )

    def _gap(self, count: int) -> int | None:
        end = 0
        for first in sorted(self._taken):
            if first - end >= count:
                return end
            end = self._taken[first]
        return end if len(self._words) - end >= count else None


def _first(word: int) -> int:
    return word & 0xFFFFFFFF
