"""Hints of prefixes, some thousand of them: in memory as the map of the data path has them."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from accel.control.hints.pushed.replay import Whose
from accel.datapath.hints.prefix_hints import prefix_key
from accel.datapath.hints.pushed import PrefixMap, word_of
from accel.datapath.layout import defines
from accel.model.placement import Limits
from accel.model.prefix import Network

_VALUE = struct.Struct("=QII")  # struct hint
"""Its word, when it ends unless it is used, and when in any case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixHint:
    """One; `until` and `end` by the clock of the data path, `until` as it was last seen.

    `serial` is ascending in the order in which prefixes were first set.
    """

    network: Network
    whose: Whose
    until: int
    end: int
    serial: int


class PrefixHints:
    """Its user sees to it that calls do not overlap."""

    def __init__(self, there: PrefixMap, limits: Limits) -> None:
        self._map = there
        self.limit = defines(limits)["MAX_PREFIX_HINTS"]
        self._hints: dict[tuple[int, Network], PrefixHint] = {}
        self._serial = 0
        self.of_caller: Counter[str] = Counter()
        self.of_service: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._hints)

    def __iter__(self) -> Iterator[PrefixHint]:
        """In the order in which they were first set."""
        return iter(list(self._hints.values()))

    def get(self, index: int, network: Network) -> PrefixHint | None:
        """That of this very prefix."""
        return self._hints.get((index, network))

    def put(self, network: Network, whose: Whose, until: int, end: int) -> PrefixHint:
        """Set one. There is room for it."""
        key = (whose.index, network)
        before = self._hints.get(key)
        self._serial += 1
        hint = PrefixHint(
            network=network,
            whose=whose,
            until=until,
            end=end,
            serial=before.serial if before else self._serial,
        )
        word = word_of(whose.number, whose.generation, require=whose.require)
        self._map.put(prefix_key(*key), _VALUE.pack(word, until, end))
        self._keep(key, hint)
        return hint

    def adopt(self, kept: Iterable[tuple[Network, Whose, int, int]]) -> None:
        """At the start: these there are to be, and no others. What is there keeps its times."""
        there = dict(self._map.items())
        for network, whose, until, end in kept:
            value = there.pop(prefix_key(whose.index, network), None)
            if value is not None:
                word, was_until, was_end = _VALUE.unpack(value)
                if word == word_of(whose.number, whose.generation, require=whose.require):
                    until, end = was_until, was_end
            self.put(network, whose, until, end)
        for key in there:
            self._map.remove(key)

    def remove(self, index: int, network: Network) -> PrefixHint | None:
        """The one that was there."""
        found = self._hints.get((index, network))
        if found is not None:
            self._map.remove(prefix_key(index, network))
            self._keep((index, network), None)
        return found

    def forget(self, numbers: Collection[int]) -> list[PrefixHint]:
        """Remove those of these backends."""
        return self._remove_where(lambda hint: hint.whose.number in numbers)

    def expire(self, now: int) -> list[PrefixHint]:
        """Remove those that have ended; of others that were to end, see how they were used."""
        for key, hint in list(self._hints.items()):
            if hint.until <= now:
                self._keep(key, self.seen(hint))
        return self._remove_where(lambda hint: hint.until <= now)

    def seen(self, hint: PrefixHint) -> PrefixHint:
        """The same with its times of now."""
        value = self._map.get(prefix_key(hint.whose.index, hint.network))
        if value is None:
            return hint
        _, until, end = _VALUE.unpack(value)
        return replace(hint, until=until, end=end)

    def _remove_where(self, wanted: Callable[[PrefixHint], bool]) -> list[PrefixHint]:
        gone = [hint for hint in self._hints.values() if wanted(hint)]
        for hint in gone:
            self.remove(hint.whose.index, hint.network)
        return gone

    def _keep(self, key: tuple[int, Network], hint: PrefixHint | None) -> None:
        before = self._hints.get(key)
        if before:
            self.of_caller[before.whose.caller] -= 1
            self.of_service[key[0]] -= 1
        if hint is None:
            self._hints.pop(key, None)
            return
        self._hints[key] = hint
        self.of_caller[hint.whose.caller] += 1
        self.of_service[key[0]] += 1
