"""Every write goes plan -> placement -> check -> store -> parts -> events.

Writes are one at a time, and are finished even if their caller goes away. Reads look at the
latest State and wait for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from accel.control.gateway.next_hops import Moves, NextHops
from accel.control.gateway.part import Part, Write
from accel.control.gateway.tasks import Tasks
from accel.control.ports import MakeFollower
from accel.control.report.event_log import log_changes, log_hops
from accel.control.report.watch import Event, Hub, Watcher
from accel.control.state.plans import Plan
from accel.control.state.state import Change, State
from accel.control.store.database import Store
from accel.errors import AccelError, HostError
from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.placement import Limits, PlacedService

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a write changed (or would change), and the store's revision after it."""

    changes: Sequence[Change]
    revision: int


class Writer:
    """One for each daemon, used in its event loop. `parts` carry out what is written, in order."""

    def __init__(
        self,
        *,
        store: Store,
        limits: Limits,
        make_follower: MakeFollower,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State()
        self.hub = Hub()
        self.tasks = Tasks()
        self.hops = NextHops(make_follower, self._on_moved, clock)
        self.parts: Sequence[Part] = ()
        self._store = store
        self._limits = limits
        self._lock = asyncio.Lock()
        self._behind = False

    async def load(self) -> None:
        """Read what is stored. Raises CapacityError if that is more than the limits."""
        loaded = self._store.load()
        placement = loaded.placement.fit(self._limits)
        if placement != loaded.placement:
            await asyncio.to_thread(self._store.renumber, loaded.placement, placement)
        self.state = replace(loaded, placement=placement)

    async def write(self, plan: Plan, *, validate_only: bool = False) -> Written:
        """Carry out `plan`, or only say what it would change. Raises what the plan raises, what
        refuses a part, CapacityError if a number is missing, HostError if the store or the data
        path fails.

        If the data path fails, the change is stored and is tried again.
        """
        return await self.tasks.finish(self._write(plan, validate_only=validate_only))

    async def _write(self, plan: Plan, *, validate_only: bool) -> Written:
        async with self.held():
            write = await asyncio.to_thread(self._prepare, plan, not validate_only)
            changes, after = write.changes, write.after
            if validate_only or not changes:
                return Written(changes=changes, revision=write.before.revision)
            self.state = after
            self.hops.follow(changes)
            log_changes(changes, after.revision)
            try:
                await self._to_data_path(lambda: self._carry_out(write))
                self._put_down({c.after.address for c in changes if isinstance(c.after, Backend)})
            finally:
                self.hub.publish([Event(revision=after.revision, change=c) for c in changes])
            return Written(changes=changes, revision=after.revision)

    def _prepare(self, plan: Plan, store: bool) -> Write:
        before = self.state
        changes = before.stamp(plan(before))
        if not changes:
            return Write(before=before, after=before)
        after = before.apply(changes, self._limits)
        write = Write(before=before, after=after, changes=changes)
        for part in self.parts:
            part.check(write)
        if store:
            self._store.write(changes, before, after)
        return write

    def _carry_out(self, write: Write) -> None:
        before, after, touched = write.before, write.after, write.touched
        gone = touched - after.services.keys()
        placed = replace(
            write,
            services=self._placed(after, [name for name in after.services if name in touched]),
            removed=[before.placement.services.taken[name].number for name in gone],
        )
        for part in self.parts:
            part.before(placed)
        for part in self.parts:
            part.carry_out(placed)

    def _placed(self, state: State, names: Iterable[str]) -> list[PlacedService]:
        return [state.placed(name, self.hops.sought) for name in names]

    async def sync(self) -> None:
        """Make the data path what the state is. Raises HostError and the like."""
        async with self._lock:
            await self._sync()

    async def catch_up(self) -> None:
        """Sync the data path if it failed before."""
        async with self._lock:
            if self._behind:
                await self._sync()

    async def _sync(self) -> None:
        state = self.state

        def sync() -> int:
            placed = self._placed(state, state.services)
            writes = sum(part.before_sync(placed) for part in self.parts)
            return writes + sum(part.sync(placed) for part in self.parts)

        writes = await self._to_data_path(sync)
        self._behind = False
        self._tell(None)
        _log.info(
            "data path in step with revision %d: %d services, %d writes",
            state.revision,
            len(state.services),
            writes,
        )

    async def _to_data_path(self, act: Callable[[], T]) -> T:
        """Do `act` in a thread; if it fails, every second tries to sync until that works."""
        try:
            return await asyncio.to_thread(act)
        except BaseException as error:
            self._behind = True
            if isinstance(error, OSError):
                raise HostError(
                    f"the kernel refused a write to the data path: {error.strerror}",
                    hint="the change is stored, and is tried again every second",
                ) from error
            raise

    # Next hops

    def _on_moved(self) -> None:
        self.tasks.spawn(self._move())

    async def _move(self) -> None:
        """Bring changed next hops to the data path, and then to the watchers."""
        async with self._lock:
            moved = self.hops.take_moved()
            if not moved:
                return
            log_hops(moved)
            state = self.state
            names = {b.service for b in state.every_backend() if b.address in moved}

            def carry_out() -> None:
                placed = self._placed(state, names)
                for part in self.parts:
                    part.carry_out(Write(before=state, after=state, services=placed))

            try:
                await self._to_data_path(carry_out)
            except AccelError as error:
                _log.error("%s; trying again", error)
            else:
                self._tell(moved)

    def _put_down(self, addresses: Collection[Address] | None) -> Moves:
        """The data path has the next hops of these (None: all), unless it is behind elsewhere."""
        return {} if self._behind else self.hops.put_down(addresses)

    def _tell(self, addresses: Collection[Address] | None) -> None:
        """Put down, and let watchers know what is new."""
        hops = self._put_down(addresses)
        if hops and len(self.hub):
            moved = [b for b in self.state.every_backend() if b.address in hops]
            self.hub.publish(
                [
                    Event(
                        revision=self.state.revision,
                        change=Change(before=b, after=b),
                        hops=hops[b.address],
                    )
                    for b in moved
                ]
            )

    # Watching

    async def watch(self, revision: int) -> Watcher:
        """Events after `revision`, 0 for those from now on. Raises ExpiredError."""
        async with self._lock:
            past: list[Event] = []
            if revision:
                logged = await asyncio.to_thread(self._store.changes_after, revision)
                past = [Event(revision=r, change=change) for r, change in logged]
            return self.hub.subscribe(past)

    # One at a time

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While nothing is written, nor done that a part keeps from happening meanwhile."""
        async with AsyncExitStack() as stack:
            for part in self.parts:
                if part.lock is not None:
                    await stack.enter_async_context(part.lock)
            await stack.enter_async_context(self._lock)
            yield

    async def exclusively(self, act: Callable[[], T]) -> T:
        """Do `act` in a thread while nothing is written."""
        async with self._lock:
            return await asyncio.to_thread(act)

    async def adjusting(self, act: Callable[[], int]) -> int:
        """Do `act` exclusively, and let all parts adjust to it. Returns how many writes it took."""
        return await self.exclusively(lambda: act() + sum(part.adjust() for part in self.parts))
