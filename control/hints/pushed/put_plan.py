"""Where the hints of one step will be, and which of them there is no room for. Writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.control.hints.pushed.batches import Refusals, Step, Target, Wish
from accel.control.hints.pushed.columns import Columns, caller_full, full, service_full
from accel.control.hints.pushed.ownership import Owners
from accel.control.hints.pushed.prefix_entries import PrefixHints
from accel.control.hints.pushed.quota import Room, refused
from accel.control.store.hint_rows import Row, Said, pack, pack_prefixes
from accel.datapath.encode import Words
from accel.datapath.hints.pushed import Pushed, times_of, word_of
from accel.datapath.hints.table import Places, first_and_last
from accel.errors import InvalidError
from accel.model.placement import Limits

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotas:
    """How many hints one caller may have, and one service. By default all that there can be."""

    caller: int = sys.maxsize
    service: int = sys.maxsize


def quotas_of(limits: Limits, caller: int | None, service: int | None) -> Quotas:
    """From the daemon's options. Raises InvalidError that names the one which is out of range."""
    for option, value in (("--hints-per-caller", caller), ("--hints-per-service", service)):
        if value is not None and not 1 <= value <= limits.hints:
            raise InvalidError(
                option, f"{value} is not from 1 to {limits.hints}", hint="or raise --max-hints, too"
            )
    return Quotas(caller=caller or sys.maxsize, service=service or sys.maxsize)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """The same moment in seconds of the data path's clock, and since 1970."""

    now: int
    wall: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Hints that are to be stored, and then written: each client once. `done` entries are right.

    `caller` is a number and a name.
    """

    caller: tuple[int, str]
    rows: Sequence[Row]
    places: Places
    hashes: Words
    values: Words
    times: Words
    columns: Columns
    wishes: Sequence[Wish]
    done: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """Hints that are there, and are to go."""

    rows: Sequence[Row]
    places: Places
    wishes: Sequence[Wish]


Plan = Setting | Removal


@dataclass(frozen=True, kw_only=True, slots=True)
class Planner:
    """`of_service` says how many pushed hints of clients each service has, by index."""

    pushed: Pushed
    owners: Owners
    prefixes: PrefixHints
    quotas: Quotas
    of_service: Callable[[], npt.NDArray[np.int64]]

    def plan(self, step: Step, caller: tuple[int, str], clock: Clock, refusals: Refusals) -> Plan:
        """`caller` is a number and a name. Refusals are added to those that there are."""
        return self._setting(step, caller, clock, refusals) if step.sets else self._removal(step)

    def _setting(
        self, step: Step, caller: tuple[int, str], clock: Clock, refusals: Refusals
    ) -> Setting:
        columns = Columns.of(step.lots)
        hashes = self.pushed.keys.hash(columns.indices, columns.high, columns.low)
        first, last = first_and_last(hashes)
        keys = hashes[last]
        places = self.pushed.table.find_places(keys)
        kept = self._fit(columns, (hashes, first, last), places, caller, refusals)
        new = np.flatnonzero(kept & (places < 0))
        places[new] = self.pushed.table.find_room(keys[new])
        if (unlucky := kept & (places < 0)).any():
            which = np.flatnonzero(unlucky[np.searchsorted(keys, hashes)])
            columns.refuse(which, full(self.pushed.table.limit), refusals)
            kept &= ~unlucky
        done = len(columns)
        if not kept.all():
            done = int(kept[np.searchsorted(keys, hashes)].sum())
        wishes = self._fit_wishes(step.wishes, caller, new, columns.take(last), refusals)
        chosen = columns.take(last[kept])
        targets = [lot.target for lot in step.lots if lot.target]
        values = np.array(
            [word_of(t.number, t.generation, require=t.require) for t in targets], np.uint64
        )
        times = times_of(
            np.array([clock.now + t.lifetime for t in targets], np.uint64),
            np.array([clock.now + t.longest for t in targets], np.uint64),
        )
        return Setting(
            caller=caller,
            rows=[
                *(
                    _row(lot.service, lot.target, caller[1], clock, *pack(high, low)[:2])
                    for lot, high, low in chosen.by_lot()
                ),
                *_wish_rows(wishes, caller[1], clock),
            ],
            places=places[kept],
            hashes=keys[kept],
            values=values[chosen.at],
            times=times[chosen.at],
            columns=chosen,
            wishes=wishes,
            done=done + len(wishes),
        )

    def _removal(self, step: Step) -> Removal:
        """What is not there need not go."""
        columns = Columns.of(step.lots)
        hashes = self.pushed.keys.hash(columns.indices, columns.high, columns.low)
        places = self.pushed.table.find_places(hashes)
        there, once = np.unique(places, return_index=True)
        once, there = once[there >= 0], there[there >= 0]
        wishes = list(
            {
                (wish.index, wish.network): wish
                for wish in step.wishes
                if self.prefixes.get(wish.index, wish.network)
            }.values()
        )
        rows = [
            _row(lot.service, None, "", None, *pack(high, low)[:2])
            for lot, high, low in columns.take(once).by_lot()
        ]
        return Removal(rows=[*rows, *_wish_rows(wishes, "", None)], places=there, wishes=wishes)

    def _fit(
        self,
        columns: Columns,
        keys: tuple[Words, Places, Places],
        places: Places,
        caller: tuple[int, str],
        refusals: Refusals,
    ) -> Mask:
        """Which there is room for. `keys` are all hashes, and where each is first and last."""
        hashes, first, last = keys
        new = places < 0
        other = ~new & (self.owners.callers(places) != caller[0])
        services = columns.indices[last].astype(np.int64)
        room = self._room(caller, np.unique(services))
        least = min(room.table, room.caller, *room.services.values(), len(new))
        if int(new.sum()) + int(other.sum()) <= least:
            return np.ones(len(new), np.bool_)
        order = np.argsort(first)
        masks = refused(new[order], other[order], services[order], room)
        kept = np.ones(len(new), np.bool_)
        of_key = np.searchsorted(hashes[last], hashes)
        for mask, why in zip(
            masks,
            (
                full(self.pushed.table.limit),
                service_full(self.quotas.service),
                caller_full(caller[1], self.quotas.caller),
            ),
            strict=True,
        ):
            wrong = np.zeros(len(new), np.bool_)
            wrong[order] = mask
            columns.refuse(np.flatnonzero(wrong[of_key]), why, refusals)
            kept &= ~wrong
        return kept

    def _room(self, caller: tuple[int, str], services: npt.NDArray[np.int64]) -> Room:
        table, counts = self.pushed.table, self.of_service()
        of_caller = int(self.owners.of_caller[caller[0]]) + self.prefixes.of_caller[caller[1]]
        return Room(
            table=table.limit - len(table),
            caller=self.quotas.caller - of_caller,
            services={
                index: self.quotas.service - int(counts[index]) - self.prefixes.of_service[index]
                for index in services.tolist()
            },
        )

    def _fit_wishes(
        self,
        wishes: Iterable[Wish],
        caller: tuple[int, str],
        new: Places,
        columns: Columns,
        refusals: Refusals,
    ) -> list[Wish]:
        """Those that there is room for, each prefix once, beside `new` ones of these `columns`."""
        last = {(wish.index, wish.network): wish for wish in wishes}
        if not last:
            return []
        room = self._room(caller, np.array(sorted({index for index, _ in last}), np.int64))
        of_service = dict(room.services)
        for index in columns.indices[new].astype(np.int64).tolist():
            if index in of_service:
                of_service[index] -= 1
        of_caller, of_map = room.caller - len(new), self.prefixes.limit - len(self.prefixes)
        fitting = []
        for (index, network), wish in last.items():
            before = self.prefixes.get(index, network)
            mine = before is not None and before.whose.caller == caller[1]
            why = None
            if before is None and of_map <= 0:
                why = full(self.prefixes.limit, "hints of prefixes")
            elif before is None and of_service[index] <= 0:
                why = service_full(self.quotas.service)
            elif not mine and of_caller <= 0:
                why = caller_full(caller[1], self.quotas.caller)
            if why:
                refusals.refuse(why.of(wish.entry, wish.where))
                continue
            of_map -= before is None
            of_service[index] -= before is None
            of_caller -= not mine
            fitting.append(wish)
        return fitting


def _row(
    service: str,
    target: Target | None,
    caller: str,
    clock: Clock | None,
    ipv4: bytes = b"",
    ipv6: bytes = b"",
    prefixes: bytes = b"",
) -> Row:
    """What is said of these clients."""
    if target is None or clock is None:
        return Row(said=Said.REMOVED, service=service, ipv4=ipv4, ipv6=ipv6, prefixes=prefixes)
    return Row(
        said=Said.SET,
        service=service,
        backend=target.backend,
        caller=caller,
        require=target.require,
        until=clock.wall + target.lifetime,
        end=clock.wall + target.longest,
        ipv4=ipv4,
        ipv6=ipv6,
        prefixes=prefixes,
    )


def _wish_rows(wishes: Iterable[Wish], caller: str, clock: Clock | None) -> Iterator[Row]:
    alike: dict[tuple[str, Target | None], list[Wish]] = {}
    for wish in wishes:
        alike.setdefault((wish.service, wish.target), []).append(wish)
    for (service, target), some in alike.items():
        packed = pack_prefixes([wish.network for wish in some])
        yield _row(service, target, caller, clock, prefixes=packed)
