"""The pushed hints that there are: in the maps only by hashes, here with clients and names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from accel.control.hints.pushed.callers import Callers
from accel.control.hints.pushed.ownership import Owners, numbers_of
from accel.control.hints.pushed.page import Shown, prefix_line
from accel.control.hints.pushed.prefix_entries import PrefixHint, PrefixHints
from accel.control.hints.pushed.replay import snapshot
from accel.control.store.hint_rows import Row, Said, pack_prefixes, pack_times
from accel.datapath.encode import Words
from accel.datapath.hints.pushed import Pushed, until_and_end
from accel.datapath.hints.table import PRESENT, Places
from accel.model.placement import Limits

_SCAN = 1 << 16  # places that are looked at together


class Held:
    """Its user sees to it that calls do not overlap."""

    def __init__(self, pushed: Pushed, limits: Limits) -> None:
        self.pushed = pushed
        self.owners = Owners(
            size=pushed.table.size, limit=pushed.table.limit, numbers=limits.backends
        )
        self.prefixes = PrefixHints(pushed.prefixes, limits)
        self.callers = Callers(self._is_idle)
        self._index_of = np.zeros(limits.backends, np.int64)  # of the service, by number
        self._services = limits.services
        self._names: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self.pushed.table) + len(self.prefixes)

    def name(self, number: int, index: int, name: tuple[str, str]) -> None:
        """A backend's number, the index of its service, and the names of both."""
        self._names[number] = name
        self._index_of[number] = index

    def write(
        self,
        places: Places,
        hashes: Words,
        values: Words,
        times: Words,
        clients: tuple[Words, Words],
        callers: npt.NDArray[np.int64],
    ) -> None:
        """Hints at places that were found for them, and whose they are."""
        before = self.pushed.table.words(places)
        self.pushed.table.write(places, hashes, values, times)
        self.owners.put(places, before, values, clients, callers)

    def of_service(self) -> npt.NDArray[np.int64]:
        """How many hints of clients each service has, by index."""
        counts = np.bincount(
            self._index_of, weights=self.owners.of_number, minlength=self._services
        )
        return counts.astype(np.int64)

    def places(self, index: int | None = None) -> Places:
        """Those of all hints, or of the ones of a service."""
        numbers = None if index is None else np.flatnonzero(self._index_of == index)
        table = self.pushed.table
        found = [np.empty(0, np.int64)]
        for at in range(0, table.size, _SCAN):
            found.append(self._living(at, min(at + _SCAN, table.size), numbers, 0))
        return np.concatenate(found)

    def rows(self, since: int) -> Iterator[Row]:
        """The shortest log that says all there is. `since`: when the data path's clock was 0."""
        places, from_ = self.places(), np.uint64(max(0, since))
        until, end = until_and_end(self.pushed.table.times(places))
        called = dict(self.callers.names)
        names = dict(self._names)
        prefixes = [self.prefixes.seen(hint) for hint in self.prefixes]
        of_clients = snapshot(
            self.pushed.table.words(places),
            self.owners.clients(places),
            (until + from_, end + from_),
            self.owners.callers(places),
            lambda number, caller: (*names[number], called[caller]),
        )

        def rows() -> Iterator[Row]:
            yield from of_clients
            for hint in prefixes:
                until, end = (np.array([at], np.uint64) + from_ for at in (hint.until, hint.end))
                service, backend = names[hint.whose.number]
                yield Row(
                    said=Said.SET,
                    service=service,
                    backend=backend,
                    caller=hint.whose.caller,
                    require=hint.whose.require,
                    times=pack_times(until, end),
                    prefixes=pack_prefixes([hint.network]),
                )

        return rows()

    def page(self, numbers: Collection[int] | None, begin: int, size: int) -> tuple[Shown, int]:
        """From a position on, those of these backends (None: of all), and where the next page is.

        Positions are places, and behind them the serial numbers of prefixes. -1: nowhere.
        """
        wanted = None if numbers is None else np.fromiter(numbers, np.int64, len(numbers))
        now, found, at = self.pushed.now(), [np.empty(0, np.int64)], begin
        left = size
        while left and at < self.pushed.table.size:
            stop = min(at + _SCAN, self.pushed.table.size)
            some = self._living(at, stop, wanted, now)[:left]
            at = int(some[-1]) + 1 if len(some) == left else stop
            left -= len(some)
            found.append(some)
        prefixes: list[PrefixHint] = []
        after = max(0, at - self.pushed.table.size)
        for hint in self.prefixes if left else ():
            hint = self.prefixes.seen(hint)
            listed = numbers is None or hint.whose.number in numbers
            if hint.serial > after and hint.until > now and listed:
                prefixes.append(hint)
                if len(prefixes) == left:
                    break
        more = not left or len(prefixes) == left
        if prefixes:
            at = self.pushed.table.size + prefixes[-1].serial
        return self.shown(np.concatenate(found), prefixes), at if more else -1

    def _living(self, at: int, stop: int, numbers: Places | None, now: int) -> Places:
        words = self.pushed.table.words(slice(at, stop))
        living = words & PRESENT != 0
        if numbers is not None:
            living &= np.isin(numbers_of(words), numbers)
        until, _ = until_and_end(self.pushed.table.times(slice(at, stop)))
        return np.flatnonzero(living & (until > now)) + at

    def shown(
        self, places: Places, prefixes: Iterable[PrefixHint], words: Words | None = None
    ) -> Shown:
        if words is None:
            words = self.pushed.table.words(places)
        now, (high, low) = self.pushed.now(), self.owners.clients(places)
        until, _ = until_and_end(self.pushed.table.times(places))
        callers = self.owners.callers(places)
        return Shown(
            high=high,
            low=low,
            words=words,
            left=np.maximum(0, until.astype(np.int64) - now),
            callers=callers,
            names={
                n: self._names[n] for n in np.unique(numbers_of(words)).tolist() if n in self._names
            },
            called={c: self.callers.names[c] for c in np.unique(callers).tolist() if c},
            prefixes=tuple(prefix_line(p, self._names[p.whose.number], now) for p in prefixes),
        )

    def _is_idle(self, caller: int) -> bool:
        name = self.callers.names[caller]
        return not (self.owners.of_caller[caller] or self.prefixes.of_caller[name])
