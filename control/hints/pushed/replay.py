"""What hints there are after all that the log says, and the shortest log that says so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.control.hints.pushed.ownership import numbers_of
from accel.control.store.hint_rows import (
    Row,
    Said,
    clients_of,
    pack,
    pack_times,
    times,
    unpack_prefixes,
)
from accel.datapath.encode import Words
from accel.datapath.hints.table import first_and_last
from accel.datapath.layout import CONSTANTS
from accel.model.prefix import Network

_ROW = 1 << 20  # clients in one row at the most
_REQUIRE = np.uint64(CONSTANTS["HINT_REQUIRE"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """What is alike in all hints of a row: `number` and `generation` are the backend's."""

    index: int
    number: int
    generation: int
    require: bool
    caller: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Hints by the column, `whose` by the position in `rows`; times in seconds since 1970.

    `stale` if the log says hints of backends that are gone without its saying so.
    """

    hashes: Words
    high: Words
    low: Words
    until: Words
    end: Words
    whose: npt.NDArray[np.int64]
    rows: Sequence[Whose | None]
    prefixes: Mapping[tuple[int, Network], tuple[Whose, int, int]]
    stale: bool


Resolve = Callable[[str, str], tuple[int, tuple[int, int] | None] | None]
"""Of a service and a backend: the index, and the number and generation if there is the backend;
None if there is no such service."""
Hash = Callable[[int, Words, Words], Words]
"""Of clients of the service with this index."""


def replay(rows: Iterable[Row], resolve: Resolve, hash_: Hash, now: int) -> Kept:
    """`now` is in seconds since 1970: what has ended then is not there."""
    log = _Log(resolve, hash_)
    for row in rows:
        log.add(row)
    return log.kept(now)


class _Log:
    """What rows have said so far. A row is known by its position."""

    def __init__(self, resolve: Resolve, hash_: Hash) -> None:
        self._resolve = resolve
        self._hash = hash_
        self._rows: list[Whose | None] = []
        self._names: list[tuple[str, str]] = []
        self._gone: dict[tuple[str, str], int] = {}  # backends, and the last row that said so
        # Hashes, both halves of addresses, both times, positions.
        self._columns: list[tuple[Words, ...]] = [(np.empty(0, np.uint64),) * 6]
        self._prefixes: dict[tuple[int, Network], tuple[int, int, int]] = {}

    def add(self, row: Row) -> None:
        position = len(self._rows)
        self._names.append((row.service, row.backend))
        if row.said is Said.BACKEND_GONE:
            self._gone[self._names[-1]] = position
        placed = self._resolve(row.service, row.backend)
        self._rows.append(_whose(row, placed))
        if placed is None:
            return
        high, low = clients_of(row)
        until, end = times(row)
        hashes = self._hash(placed[0], high, low)
        count = len(hashes)
        whose = np.full(count, position, np.uint64)
        self._columns.append((hashes, high, low, until[:count], end[:count], whose))
        for i, network in enumerate(unpack_prefixes(row.prefixes), count):
            self._prefixes[placed[0], network] = (position, int(until[i]), int(end[i]))

    def kept(self, now: int) -> Kept:
        """What there is after all rows, at that time."""
        stale = self._forget_gone()
        hashes, high, low, until, end, whose = map(np.concatenate, zip(*self._columns, strict=True))
        _, last = first_and_last(hashes)
        lives = np.array([one is not None for one in self._rows], np.bool_)
        last = last[lives[whose[last].astype(np.int64)] & (until[last] > now)]
        return Kept(
            hashes=hashes[last],
            high=high[last],
            low=low[last],
            until=until[last],
            end=end[last],
            whose=whose[last].astype(np.int64),
            rows=self._rows,
            prefixes={
                key: (one, until, end)
                for key, (position, until, end) in self._prefixes.items()
                if (one := self._rows[position]) is not None and until > now
            },
            stale=stale,
        )

    def _forget_gone(self) -> bool:
        """Rows of backends that went later say nothing. Whether others lead to one that is gone."""
        stale = False
        for position, (one, key) in enumerate(zip(self._rows, self._names, strict=True)):
            if position <= self._gone.get(key, -1):
                self._rows[position] = None
            elif one is None and key[1]:
                stale = True
        return stale


def _whose(row: Row, placed: tuple[int, tuple[int, int] | None] | None) -> Whose | None:
    if row.said is not Said.SET or placed is None or placed[1] is None:
        return None
    return Whose(
        index=placed[0],
        number=placed[1][0],
        generation=placed[1][1],
        require=row.require,
        caller=row.caller,
    )


def snapshot(
    words: Words,
    clients: tuple[Words, Words],
    ends: tuple[Words, Words],
    callers: npt.NDArray[np.int64],
    named: Callable[[int, int], tuple[str, str, str]],
) -> Iterator[Row]:
    """Rows that say these hints. `named` has service, backend and caller of both numbers."""
    numbers, require = numbers_of(words), (words & _REQUIRE != 0).astype(np.int64)
    alike = numbers << 17 | callers << 1 | require
    order = np.argsort(alike, kind="stable")
    bounds = np.flatnonzero(np.append(True, np.diff(alike[order]) != 0))
    for begin, stop in zip(bounds, np.append(bounds[1:], len(order)), strict=True):
        for at in range(int(begin), int(stop), _ROW):
            some = order[at : min(at + _ROW, int(stop))]
            service, backend, caller = named(int(numbers[some[0]]), int(callers[some[0]]))
            ipv4, ipv6, packed = pack(clients[0][some], clients[1][some])
            some = some[packed]
            yield Row(
                said=Said.SET,
                service=service,
                backend=backend,
                caller=caller,
                require=bool(require[some[0]]),
                times=pack_times(ends[0][some], ends[1][some]),
                ipv4=ipv4,
                ipv6=ipv6,
            )
