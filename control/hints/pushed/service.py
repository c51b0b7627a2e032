"""The book of pushed hints: what is answered is stored, and in the data path.

request ─▶ read ─▶ plan ─▶ store ─▶ write ─▶ tell          (one step after the other)
            │        │                └ while nothing else is written to the data path
            └ wrong  └ no room: each such entry is refused by itself

Requests are one at a time, by a lock of the book's own: configuration that takes hints along is
written under it, too. What a step takes is bounded, however long a request is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from accel.control.gateway.part import Exclusively
from accel.control.hints.pushed.batches import Refusals, Step
from accel.control.hints.pushed.page import Shown
from accel.control.hints.pushed.put_plan import Clock, Plan, Quotas, Setting
from accel.control.hints.pushed.replay import replay
from accel.control.hints.pushed.requests import Reader
from accel.control.hints.pushed.table_writer import Ledger
from accel.control.hints.pushed.watch import HintHub
from accel.control.state.state import State
from accel.control.store.hint_log import HintStore
from accel.datapath.hints.pushed import Pushed
from accel.errors import AccelError
from accel.model.hints import Kind
from accel.model.placement import Limits

SLACK = 1 << 16  # entries that the log may be longer than twice what there is
REFRESH = 600.0  # seconds until the log is written anew, so that a reboot knows what was used

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """How many entries of a request were set, and hints removed; and what was refused."""

    set: int
    removed: int
    refusals: Refusals


class HintBook:
    """`ask` is told of which kinds a service has hints, while nothing else is written; what that
    takes, and takes long, is done by `prepare` before.

    `clock` gives seconds since 1970, `state` what there is now.
    """

    def __init__(
        self,
        *,
        store: HintStore,
        pushed: Pushed,
        limits: Limits,
        quotas: Quotas,
        state: Callable[[], State],
        exclusively: Exclusively,
        ask: Callable[[int, Kind], object],
        prepare: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock = asyncio.Lock()
        self.hub = HintHub()
        self._store = store
        self._pushed = pushed
        self._ledger = Ledger(pushed, limits, quotas)
        self._state = state
        self._exclusively = exclusively
        self._ask = ask
        self._prepare_asked = prepare
        self._clock = clock
        self._asked: dict[int, Kind] = {}
        self._due = 0.0  # by the monotonic clock: the log is to be written anew
        self._long = False

    def __len__(self) -> int:
        """How many hints there are."""
        return len(self._ledger.held)

    def counts(self, index: int) -> tuple[int, int]:
        """How many hints of clients, and of prefixes, a service has."""
        held = self._ledger.held
        return int(held.of_service()[index]), held.prefixes.of_service[index]

    # Start and end

    async def start(self) -> None:
        """Before the first `sync` of the data path: its maps have what is stored, and no more.

        Raises HostError.
        """
        async with self.lock:
            await asyncio.to_thread(self._adopt)
        self._due = time.monotonic() + REFRESH
        if len(self):
            _log.info("%d hints are pushed", len(self))

    def _adopt(self) -> None:
        state = self._state()
        taken = state.placement
        for name, service in state.services.items():
            index = taken.services.taken[name].number
            self._pushed.keys.set(index, service.hints.key4, service.hints.key6)

        def resolve(service: str, backend: str) -> tuple[int, tuple[int, int] | None] | None:
            place = taken.services.taken.get(service)
            slot = taken.backends.taken.get((service, backend))
            if place is None:
                return None
            return place.number, (slot.number, slot.generation) if slot else None

        clock = self._now()
        kept = replay(self._store.load(), resolve, self._pushed.keys.of_service, clock.wall)
        names = {
            slot.number: (taken.services.taken[service].number, service, backend)
            for (service, backend), slot in taken.backends.taken.items()
        }
        lost = self._ledger.adopt(kept, names, clock)
        if lost:
            _log.warning("%d hints found no room: raise --max-hints of acceld", lost)
        if kept.stale or lost or self._is_long():
            self._store.replace(self._ledger.held.rows(clock.wall - clock.now))
        self._tell_kinds()

    async def stop(self) -> None:
        """After all else: the log is left as the data path has it."""
        async with self.lock:
            if self._store.entries:
                try:
                    await self._compact()
                except AccelError as error:
                    _log.error("%s", error)
            await asyncio.to_thread(self._store.close)

    # Requests

    async def apply(self, request: Any, caller: str) -> Applied:
        """An ApplyHintsRequest. Raises ProgramError and HostError before anything is done, and
        HostError if it cannot be stored, from that step on."""
        refusals = Refusals()
        done = removed = 0
        if not self._asked:
            await asyncio.to_thread(self._prepare_asked)
        async with self.lock:
            steps = Reader(self._state(), refusals).read(request)
            mine = (self._ledger.held.callers.number(caller), caller)
            while step := await asyncio.to_thread(next, steps, None):
                self._ledger.told = len(self.hub) > 0
                plan = await asyncio.to_thread(self._prepare, step, mine, refusals)
                count = await self._exclusively(partial(self._write, plan))
                if isinstance(plan, Setting):
                    done += plan.done
                else:
                    removed += count
                self.hub.publish(self._ledger.take_news())
        return Applied(set=done, removed=removed, refusals=refusals)

    def _prepare(self, step: Step, caller: tuple[int, str], refusals: Refusals) -> Plan:
        plan = self._ledger.planner.plan(step, caller, self._now(), refusals)
        if plan.rows:
            self._store.append(plan.rows)
            self._long = self._is_long()
        return plan

    def _write(self, plan: Plan) -> int:
        count = self._ledger.write(plan)
        self._tell_kinds()
        return count

    async def page(
        self, numbers: Collection[int] | None, begin: int, size: int
    ) -> tuple[Shown, int]:
        """Hints of these backends (None: of all) from a position on, and the next page's or -1."""
        async with self.lock:
            found: tuple[Shown, int] = await self._exclusively(
                lambda: self._ledger.held.page(numbers, begin, size)
            )
            return found

    # Configuration: in a thread, under the lock, while nothing else is written

    def forget(self, numbers: Collection[int]) -> None:
        """These backends are gone, and it is stored that their hints went with them."""
        self._ledger.told = len(self.hub) > 0
        self._ledger.forget(numbers)
        self._tell_kinds()

    def rekey(self, index: int, key4: int, key6: int) -> None:
        """So many bits of an address make a client of this service from now on."""
        if self._ledger.rekey(index, key4, key6):
            self._long = True
            self._tell_kinds()

    # Time

    async def second(self) -> None:
        """Once a second, when the data path has taken away what has ended."""
        self._ledger.told = len(self.hub) > 0
        await self._exclusively(self._expire)
        self.hub.publish(self._ledger.take_news())
        if self._long or (time.monotonic() >= self._due and self._store.entries):
            async with self.lock:
                await self._compact()

    def _expire(self) -> None:
        self._ledger.expire()
        self._tell_kinds()

    async def _compact(self) -> None:
        clock = self._now()
        rows = await self._exclusively(lambda: self._ledger.held.rows(clock.wall - clock.now))
        await asyncio.to_thread(self._store.replace, rows)
        self._long = False
        self._due = time.monotonic() + REFRESH

    def _is_long(self) -> bool:
        return self._store.entries > 2 * len(self) + SLACK

    def _tell_kinds(self) -> None:
        """Which kinds services have hints of, if that is new."""
        kinds = self._ledger.kinds()
        for index in self._asked.keys() | kinds.keys():
            now = kinds.get(index, Kind(0))
            if now != self._asked.get(index, Kind(0)):
                self._ask(index, now)
        self._asked = kinds

    def _now(self) -> Clock:
        return Clock(now=self._pushed.now(), wall=int(self._clock()))
