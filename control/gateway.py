"""The coordinator: every write goes plan -> placement -> store -> data path -> events.

Writes are one at a time, and are finished even if their caller goes away. Reads look at the
latest State and wait for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from accel.attach import Attachment
from accel.control.event_log import (
    log_changes,
    log_hops,
    log_unresolved,
)
from accel.control.interfaces import Interfaces
from accel.control.needs import DataPath, Follower, MakeFollower
from accel.control.plans import Plan
from accel.control.state import Change, State
from accel.control.store import Store
from accel.control.watch import Event, Hub, Watcher
from accel.errors import AccelError, HostError
from accel.model import Address, Backend, Mode, Service
from accel.nexthop import Unresolved
from accel.placed import NextHop, PlacedService

T = TypeVar("T")
TICK = 1.0  # seconds between two looks at the data path

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a write changed (or would change), and the store's revision after it."""

    changes: Sequence[Change]
    revision: int


class Gateway:
    """One for each daemon. All methods are to be called in its event loop."""

    def __init__(self, *, store: Store, data_path: DataPath, make_follower: MakeFollower) -> None:
        self.started = time.monotonic()
        self.data_path = data_path
        self.state = State()
        self._store = store
        self._interfaces = Interfaces(store, data_path)
        self._follower: Follower = make_follower(self._on_next_hops)
        self._hops: dict[Address, NextHop | Unresolved] = {}
        self._users: dict[Address, int] = {}
        self._moved: set[Address] = set()
        self._new: set[Address] = set()
        self.hub = Hub()
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._behind = False

    async def start(self, interfaces: Iterable[str] = (), xdp_mode: str = "auto") -> None:
        """Make the data path what is stored. `interfaces` nobody spoke of before are attached.

        Raises CapacityError if what is stored is more than the limits, HostError if the data path
        or one of the new `interfaces` refuses.
        """
        loaded = self._store.load()
        placement = loaded.placement.fit(self.data_path.limits)
        if placement != loaded.placement:
            await asyncio.to_thread(self._store.renumber, loaded.placement, placement)
        self.state = State(
            revision=loaded.revision,
            services=loaded.services,
            backends=loaded.backends,
            placement=placement,
        )
        await self._follower.start()
        self._follow([Change(before=None, after=b) for b in self.state.every_backend()])
        await self._sync()
        await self.exclusively(lambda: self._interfaces.restore(interfaces, xdp_mode))
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Let a write under way finish; the data path goes on by itself."""
        async with self._lock:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._follower.stop()

    async def write(self, plan: Plan, *, validate_only: bool = False) -> Written:
        """Carry out `plan`, or only say what it would change. Raises what the plan raises,
        CapacityError if a number is missing, HostError if the store or the data path fails.

        If the data path fails, the change is stored and is tried again.
        """
        return await self._finish(self._write(plan, validate_only=validate_only))

    async def _write(self, plan: Plan, *, validate_only: bool) -> Written:
        async with self._lock:
            before = self.state
            changes, after = await asyncio.to_thread(self._prepare, plan, not validate_only)
            if validate_only or not changes:
                return Written(changes=changes, revision=before.revision)
            self.state = after
            self._follow(changes)
            log_changes(changes, after.revision)
            try:
                await self._to_data_path(lambda: self._carry_out(changes, before, after))
            finally:
                self.hub.publish([Event(revision=after.revision, change=c) for c in changes])
            return Written(changes=changes, revision=after.revision)

    def _prepare(self, plan: Plan, write: bool) -> tuple[list[Change], State]:
        before = self.state
        changes = before.stamp(plan(before))
        if not changes:
            return changes, before
        after = before.apply(changes, self.data_path.limits)
        if write:
            self._store.write(changes, before, after)
        return changes, after

    def _carry_out(self, changes: Sequence[Change], before: State, after: State) -> None:
        for change in changes:
            if change.before is None and isinstance(change.after, Service):
                index = after.placement.services.taken[change.after.name].number
                self.data_path.reset_service(index)
            elif change.before is None and isinstance(change.after, Backend):
                self.data_path.reset_backend(
                    after.placement.backends.taken[change.after.key].number
                )
        touched = {change.service for change in changes}
        kept = [name for name in after.services if name in touched]
        gone = touched - after.services.keys()
        removed = [before.placement.services.taken[name].number for name in gone]
        self.data_path.put(self._placed(after, kept), removed)

    def _placed(self, state: State, names: Iterable[str]) -> list[PlacedService]:
        return [state.placed(name, self.usable_hop) for name in names]

    async def _sync(self) -> None:
        state = self.state
        writes = await self._to_data_path(
            lambda: self.data_path.sync(self._placed(state, state.services))
        )
        self._behind = False
        _log.info(
            "data path in step with revision %d: %d services, %d writes",
            state.revision,
            len(state.services),
            writes,
        )

    async def _to_data_path(self, act: Callable[[], T]) -> T:
        """Do `act` in a thread; if it fails, every tick tries to sync until that works."""
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

    def next_hop_of(self, backend: Backend) -> NextHop | Unresolved | None:
        """How the backend's next hop stands; None if nobody has asked for it yet."""
        return self._hops.get(backend.address)

    def usable_hop(self, backend: Backend) -> NextHop | None:
        """What the data path gets: None if the backend needs none or has none."""
        hop = self._hops.get(backend.address)
        return hop if isinstance(hop, NextHop) and backend.mode is not Mode.LOCAL else None

    def _follow(self, changes: Iterable[Change]) -> None:
        """Follow the addresses of the backends that came, and no longer those of what went."""
        gone: set[Address] = set()
        new: list[Address] = []
        for change in changes:
            # What comes is counted before what goes: an address that stays is then never at 0.
            for backend, step in ((change.after, 1), (change.before, -1)):
                if isinstance(backend, Backend) and backend.mode is not Mode.LOCAL:
                    count = self._users.get(backend.address, 0) + step
                    self._users[backend.address] = count
                    if count == 0:
                        gone.add(backend.address)
                    elif count == step:
                        new.append(backend.address)
        gone = {address for address in gone if self._users[address] == 0}
        for address in gone:
            del self._users[address]
            self._hops.pop(address, None)
        self._follower.unfollow(gone)
        self._follower.follow_too(new)
        for address in new:
            self._hops[address] = self._follower.resolve(address)
        self._new.update(new)

    def warn_of_new(self) -> None:
        """Say which new addresses had a second and still have no next hop."""
        new, self._new = self._new, set()
        hops = {address: self._hops.get(address) for address in new}
        log_unresolved({a: hop for a, hop in hops.items() if isinstance(hop, Unresolved)})

    def _on_next_hops(self, addresses: set[Address]) -> None:
        waiting = bool(self._moved)
        self._moved.update(addresses)
        if not waiting:
            self._spawn(self._move())

    async def _move(self) -> None:
        """Bring changed next hops to the data path and to the watchers."""
        async with self._lock:
            addresses, self._moved = self._moved, set()
            hops = {}
            for address in addresses & self._users.keys():
                before, after = self._hops.get(address), self._follower.resolve(address)
                if before != after:
                    self._hops[address] = after
                    hops[address] = (before, after)
            if not hops:
                return
            moved = [b for b in self.state.every_backend() if b.address in hops]
            log_hops({address: after for address, (_, after) in hops.items()})
            try:
                names = {b.service for b in moved}
                await self._to_data_path(
                    lambda: self.data_path.put(self._placed(self.state, names), [])
                )
            except AccelError as error:
                _log.error("%s; trying again", error)
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

    # Interfaces

    async def attach(self, interface: str, xdp_mode: str) -> Attachment:
        """See Interfaces.attach."""
        return await self._finish(
            self.exclusively(lambda: self._interfaces.attach(interface, xdp_mode))
        )

    async def detach(self, interface: str) -> None:
        """See Interfaces.detach."""
        await self._finish(self.exclusively(lambda: self._interfaces.detach(interface)))

    # Tasks

    async def exclusively(self, act: Callable[[], T]) -> T:
        """Do `act` in a thread while nothing is written."""
        async with self._lock:
            return await asyncio.to_thread(act)

    async def catch_up(self) -> None:
        """Sync the data path if it failed before."""
        async with self._lock:
            if self._behind:
                await self._sync()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.warn_of_new()
            try:
                await self.exclusively(self.data_path.tick)
                await self.catch_up()
            except AccelError as error:
                _log.error("%s; trying again", error)
            except Exception:  # a bug of ours: the next second may be better
                _log.exception("an error inside acceld")

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`, which goes on if the caller is cancelled."""
        return await asyncio.shield(self._spawn(work))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
