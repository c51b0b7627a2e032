"""The pushed hints in the data path's maps, and beside them whose they are.

A step of a request is planned (put_plan.py), stored by whoever calls, and then done here. What goes
of itself, since it has ended, is noticed as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from accel.control.hints.pushed.index import Held
from accel.control.hints.pushed.prefix_entries import PrefixHint
from accel.control.hints.pushed.put_plan import Clock, Plan, Planner, Quotas, Removal, Setting
from accel.control.hints.pushed.replay import Kept, Whose
from accel.control.hints.pushed.watch import News, What
from accel.datapath.encode import Words
from accel.datapath.hints.pushed import Pushed, times_of, word_of
from accel.datapath.hints.table import PRESENT, Places, first_and_last
from accel.model.hints import Kind
from accel.model.placement import Limits

_SCAN = 1 << 16  # places that are looked at together
_CHUNK = 1 << 17
_LOWER = np.uint64(0xFFFFFFFF)


class Ledger:
    """Its user sees to it that calls do not overlap. `told`: somebody wants to hear the news."""

    def __init__(self, pushed: Pushed, limits: Limits, quotas: Quotas) -> None:
        self.held = Held(pushed, limits)
        self._pushed = pushed
        self._table = pushed.table
        self._prefixes = self.held.prefixes
        self.planner = Planner(
            pushed=pushed,
            owners=self.held.owners,
            prefixes=self._prefixes,
            quotas=quotas,
            of_service=self.held.of_service,
        )
        self.told = False
        self._news: list[News] = []
        self._going: What | None = What.EXPIRED
        self._table.on_clear = self._cleared

    def take_news(self) -> list[News]:
        """What happened since the last time, if it is `told`."""
        news, self._news = self._news, []
        return news

    def kinds(self) -> dict[int, Kind]:
        """Of which kinds there are hints, by service."""
        found = {int(index): Kind.PUSHED for index in np.flatnonzero(self.held.of_service())}
        for index, count in self._prefixes.of_service.items():
            if count:
                found[index] = found.get(index, Kind(0)) | Kind.PREFIX
        return found

    # What requests do

    def write(self, plan: Plan) -> int:
        """How many entries of the request were set, or how many hints removed."""
        if isinstance(plan, Removal):
            return self._remove(plan)
        self._set(plan)
        return plan.done

    def _set(self, setting: Setting) -> None:
        number, name = setting.caller
        lots = setting.columns.lots
        for lot in lots:
            assert lot.target
            self.held.name(lot.target.number, lot.index, (lot.service, lot.target.backend))
        callers = np.full(len(setting.places), number, np.int64)
        clients = (setting.columns.high, setting.columns.low)
        self.held.write(
            setting.places, setting.hashes, setting.values, setting.times, clients, callers
        )
        hints = []
        now = self._pushed.now()
        for wish in setting.wishes:
            assert wish.target
            self.held.name(wish.target.number, wish.index, (wish.service, wish.target.backend))
            whose = Whose(
                index=wish.index,
                number=wish.target.number,
                generation=wish.target.generation,
                require=wish.target.require,
                caller=name,
            )
            ends = (now + wish.target.lifetime, now + wish.target.longest)
            hints.append(self._prefixes.put(wish.network, whose, *ends))
        self._tell(What.SET, setting.places, hints)

    def _remove(self, removal: Removal) -> int:
        self._going = What.REMOVED
        count = self._table.clear(removal.places)
        self._going = What.EXPIRED
        hints = [self._prefixes.remove(wish.index, wish.network) for wish in removal.wishes]
        there = [hint for hint in hints if hint]
        self._tell(What.REMOVED, np.empty(0, np.int64), there)
        return count + len(there)

    # What becomes of them otherwise

    def forget(self, numbers: Collection[int]) -> None:
        """These backends are gone, and their hints with them."""
        gone = np.fromiter(numbers, np.int64, len(numbers))
        if self.held.owners.of_number[gone].any():
            self._going = What.REMOVED
            self._table.forget(gone)
            self._going = What.EXPIRED
        hints = self._prefixes.forget(set(numbers)) if len(self._prefixes) else []
        self._tell(What.REMOVED, np.empty(0, np.int64), hints)

    def rekey(self, index: int, key4: int, key6: int) -> bool:
        """A service's clients are told apart by other bits. Whether it had hints of clients."""
        if not self._pushed.keys.set(index, key4, key6):
            return False
        places = self.held.places(index)
        if not len(places):
            return False
        words, times = self._table.words(places), self._table.times(places)
        clients, callers = self.held.owners.clients(places), self.held.owners.callers(places)
        self._going = None
        self._table.clear(places)
        self._going = What.EXPIRED
        hashes = self._pushed.keys.hash(np.array([index], np.uint64), *clients)
        _, last = first_and_last(hashes)
        for some in _chunks(last):
            room = self._table.find_room(hashes[some])
            some, room = some[room >= 0], room[room >= 0]
            both = (clients[0][some], clients[1][some])
            self.held.write(
                room, hashes[some], words[some] & _LOWER, times[some], both, callers[some]
            )
        return True

    def expire(self) -> None:
        """Hints of prefixes that have ended go; the data path sees to all others."""
        if len(self._prefixes):
            gone = self._prefixes.expire(self._pushed.now())
            self._tell(What.EXPIRED, np.empty(0, np.int64), gone)

    # From the store

    def adopt(self, kept: Kept, names: Mapping[int, tuple[int, str, str]], clock: Clock) -> int:
        """At the start: these there are to be, and no others. What is there keeps its times.

        `names` has the index, service and backend of each number. How many found no room.
        """
        for number, (index, service, backend) in names.items():
            self.held.name(number, index, (service, backend))
        places = self._table.find_places(kept.hashes)
        self._clear_others(places[places >= 0])
        return self._adopt_clients(kept, places, clock) + self._adopt_prefixes(kept, clock)

    def _clear_others(self, places: Places) -> None:
        wanted = np.zeros(self._table.size, np.bool_)
        wanted[places] = True
        for at in range(0, self._table.size, _SCAN):
            words = self._table.words(slice(at, at + _SCAN))
            left = (words & PRESENT != 0) & ~wanted[at : at + _SCAN]
            self._table.clear(np.flatnonzero(left) + at)

    def _adopt_clients(self, kept: Kept, places: Places, clock: Clock) -> int:
        """`places`: where they are, -1 if they are not there. How many found no room."""
        values, callers = self._words_of(kept)
        times = times_of(_ends(kept.until, clock), _ends(kept.end, clock))
        there = np.flatnonzero(places >= 0)
        same = there[self._table.words(places[there]) & _LOWER == values[there]]
        times[same] = self._table.times(places[same])
        lost = 0
        for some in _chunks(np.arange(len(places))):
            missing = some[places[some] < 0]
            fitting = missing[: max(0, self._table.limit - len(self._table))]
            places[fitting] = self._table.find_room(kept.hashes[fitting])
            fits = some[places[some] >= 0]
            lost += len(some) - len(fits)
            clients = (kept.high[fits], kept.low[fits])
            self.held.write(
                *(places[fits], kept.hashes[fits], values[fits], times[fits]),
                *(clients, callers[fits]),
            )
        return lost

    def _words_of(self, kept: Kept) -> tuple[Words, Places]:
        """Of each hint the lower half of its word, and the number of its caller."""
        values = np.zeros(len(kept.rows), np.uint64)
        callers = np.zeros(len(kept.rows), np.int64)
        for i, one in enumerate(kept.rows):
            if one:
                values[i] = word_of(one.number, one.generation, require=one.require)
                callers[i] = self.held.callers.number(one.caller)
        return values[kept.whose], callers[kept.whose]

    def _adopt_prefixes(self, kept: Kept, clock: Clock) -> int:
        """How many found no room."""
        ahead = clock.now - clock.wall
        prefixes = [
            (network, whose, max(0, until + ahead), max(0, end + ahead))
            for (_, network), (whose, until, end) in kept.prefixes.items()
        ]
        fitting = prefixes[: self._prefixes.limit]
        self._prefixes.adopt(fitting)
        return len(prefixes) - len(fitting)

    def _tell(self, what: What, places: Places, prefixes: list[PrefixHint]) -> None:
        if self.told and (len(places) or prefixes):
            self._news.append(News(what=what, hints=self.held.shown(places, prefixes)))

    # Inside

    def _cleared(self, places: Places, words: Words) -> None:
        if self._going and self.told:
            self._news.append(News(what=self._going, hints=self.held.shown(places, (), words)))
        self.held.owners.clear(places, words)


def _chunks(positions: Places) -> Iterator[Places]:
    for at in range(0, len(positions), _CHUNK):
        yield positions[at : at + _CHUNK]


def _ends(wall: Words, clock: Clock) -> Words:
    """Seconds since 1970 by the data path's clock."""
    left = wall.astype(np.int64) - clock.wall
    result: Words = np.maximum(0, left + clock.now).astype(np.uint64)
    return result
