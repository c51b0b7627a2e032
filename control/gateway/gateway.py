"""The coordinator: every write goes plan -> placement -> store -> data path -> events.

Writes are one at a time, and are finished even if their caller goes away. Reads look at the
latest State and wait for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from accel.control.gateway.interfaces import Interfaces
from accel.control.gateway.next_hops import Moves, NextHops
from accel.control.guard.guards import Guards
from accel.control.guard.keys import KeyRing
from accel.control.guard.monitor import Attack
from accel.control.guard.requirements import HostNeeds
from accel.control.guard.samples import KeptSamples
from accel.control.guard.ticker import GuardTicker
from accel.control.hints.pushed.put_plan import Quotas
from accel.control.hints.pushed.service import HintBook
from accel.control.hints.reports import HintReports
from accel.control.hints.settings import Hinting
from accel.control.needs import DataPath, MakeFollower
from accel.control.prefixes.book import PrefixBook
from accel.control.report.event_log import log_attacks, log_changes, log_hops
from accel.control.report.watch import Event, Hub, Watcher
from accel.control.state.plans import Plan
from accel.control.state.state import Change, State
from accel.control.store.database import Store
from accel.control.store.hint_log import HintStore
from accel.control.store.prefixes import PrefixStore
from accel.ebpf.links import Attachment
from accel.errors import AccelError, HostError
from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.placement import PlacedService
from accel.model.service import Service
from accel.nexthop.path_mtu import TooBig

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

    def __init__(
        self,
        *,
        store: Store,
        data_path: DataPath,
        make_follower: MakeFollower,
        clock: Callable[[], float] = time.monotonic,
        keys: KeyRing | None = None,
        host: HostNeeds | None = None,
        quotas: Quotas | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.started = time.monotonic()
        self.data_path = data_path
        self.state = State()
        self._store = store
        self._interfaces = Interfaces(store, data_path)
        self.hops = NextHops(make_follower, self._on_moved, clock)
        self.keys = keys or KeyRing()
        self._host = host or HostNeeds()
        self.guards = Guards(data_path, linger=self.keys.period, host=self._host, clock=clock)
        self.reports = HintReports(data_path, clock)
        self.hinting = Hinting(data_path, self.reports)
        self.samples = KeptSamples(data_path, clock)
        self.prefixes = PrefixBook(
            store=PrefixStore(store.path), data_path=data_path, carry_out=self._carry_out_prefixes
        )
        self.hints = HintBook(
            store=HintStore(store.path),
            pushed=data_path.hints.pushed,
            limits=data_path.limits,
            quotas=quotas or Quotas(),
            state=lambda: self.state,
            exclusively=self.exclusively,
            ask=self.hinting.ask,
            prepare=data_path.prepare_hints,
            clock=wall,
        )
        self._ticker = GuardTicker(
            guards=self.guards,
            samples=self.samples,
            reports=self.reports,
            keys=self.keys,
            data_path=data_path,
            exclusively=self.exclusively,
            tell=self._tell_attacks,
            save=store.set_quiet_rates,
        )
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
        await self.hops.start()
        self.hops.follow([Change(before=None, after=b) for b in self.state.every_backend()])
        self.keys.begin(self.data_path)
        self.guards.resume(self._placed(self.state, self.state.services), self._store.quiet_rates())
        await self.prefixes.start()
        await self.hints.start()
        async with self._lock:
            await self._sync()
        await self.exclusively(lambda: self._interfaces.restore(interfaces, xdp_mode))
        self._spawn(self._tick())
        self._spawn(self._compile_ahead())
        self._spawn(self._ticker.run())
        self._spawn(self.prefixes.run())

    async def stop(self) -> None:
        """Let a write under way finish; the data path goes on by itself."""
        async with self.hints.lock, self._lock:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hops.stop()
        self.prefixes.close()
        await self.hints.stop()
        self._ticker.save()

    async def write(self, plan: Plan, *, validate_only: bool = False) -> Written:
        """Carry out `plan`, or only say what it would change. Raises what the plan raises,
        CapacityError if a number is missing, HostError if the store or the data path fails.

        If the data path fails, the change is stored and is tried again.
        """
        return await self.finish(self._write(plan, validate_only=validate_only))

    async def _write(self, plan: Plan, *, validate_only: bool) -> Written:
        # What is deleted takes its hints along: none are set meanwhile.
        async with self.hints.lock, self._lock:
            before = self.state
            changes, after = await asyncio.to_thread(self._prepare, plan, not validate_only)
            if validate_only or not changes:
                return Written(changes=changes, revision=before.revision)
            self.state = after
            self.hops.follow(changes)
            log_changes(changes, after.revision)
            try:
                await self._to_data_path(lambda: self._carry_out(changes, before, after))
                self._put_down({c.after.address for c in changes if isinstance(c.after, Backend)})
            finally:
                self.hub.publish([Event(revision=after.revision, change=c) for c in changes])
            return Written(changes=changes, revision=after.revision)

    def _prepare(self, plan: Plan, write: bool) -> tuple[list[Change], State]:
        before = self.state
        changes = before.stamp(plan(before))
        if not changes:
            return changes, before
        after = before.apply(changes, self.data_path.limits)
        for name in {change.service for change in changes} & after.services.keys():
            self._host.require(
                before.services.get(name), after.services[name], after.backends[name].values()
            )
        if write:
            self._store.write(changes, before, after)
        return changes, after

    def _carry_out(self, changes: Sequence[Change], before: State, after: State) -> None:
        self._carry_out_hints(changes, before, after)
        for change in changes:
            if change.before is None and isinstance(change.after, Service):
                index = after.placement.services.taken[change.after.name].number
                self.data_path.reset_service(index)
                self.samples.forget(index)
            elif change.before is None and isinstance(change.after, Backend):
                self.data_path.reset_backend(
                    after.placement.backends.taken[change.after.key].number
                )
        touched = {change.service for change in changes}
        kept = [name for name in after.services if name in touched]
        gone = touched - after.services.keys()
        removed = [before.placement.services.taken[name].number for name in gone]
        self._put(self._placed(after, kept), removed)

    def _carry_out_hints(self, changes: Sequence[Change], before: State, after: State) -> None:
        gone = [c.before.key for c in changes if isinstance(c.before, Backend) and not c.after]
        if gone:
            self.hints.forget([before.placement.backends.taken[key].number for key in gone])
        for change in changes:
            if isinstance(change.after, Service):
                hints = change.after.hints
                index = after.placement.services.taken[change.after.name].number
                self.hints.rekey(index, hints.key4, hints.key6)

    def _put(self, services: Sequence[PlacedService], removed: Sequence[int] = ()) -> None:
        self.data_path.put(services, removed)
        self.hinting.put(services, removed)
        self.guards.put(services, removed)

    def _placed(self, state: State, names: Iterable[str]) -> list[PlacedService]:
        return [state.placed(name, self.hops.sought) for name in names]

    async def _sync(self) -> None:
        state = self.state

        def sync() -> int:
            placed = self._placed(state, state.services)
            writes = self.hinting.begin(placed) + self.data_path.sync(placed)
            return writes + self.hinting.put_server_ids(placed) + self.guards.sync(placed)

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

    async def _carry_out_prefixes(self, write: Callable[[], int]) -> int:
        return await self.exclusively(lambda: write() + self.guards.prefixes_changed())

    # Next hops

    def on_too_big(self, errors: Sequence[TooBig]) -> None:
        """What routers said; what is forged is not believed."""
        self.hops.narrow(errors, self.state.every_backend())

    def _on_moved(self) -> None:
        self._spawn(self._move())

    async def _move(self) -> None:
        """Bring changed next hops to the data path, and then to the watchers."""
        async with self._lock:
            moved = self.hops.take_moved()
            if not moved:
                return
            log_hops(moved)
            names = {b.service for b in self.state.every_backend() if b.address in moved}
            try:
                await self._to_data_path(lambda: self._put(self._placed(self.state, names)))
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

    def _tell_attacks(self, attacks: Sequence[Attack]) -> None:
        log_attacks(attacks)
        self.hub.publish([Event(revision=self.state.revision, attack=a) for a in attacks])

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
        return await self.finish(
            self.exclusively(lambda: self._interfaces.attach(interface, xdp_mode))
        )

    async def detach(self, interface: str) -> None:
        """See Interfaces.detach."""
        await self.finish(self.exclusively(lambda: self._interfaces.detach(interface)))

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

    async def _compile_ahead(self) -> None:
        await self._ticker.prepare()
        await self.hinting.prepare()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.hops.warn_of_new()
            self.hops.widen()
            try:
                await self.exclusively(self.data_path.tick)
                await self.hints.second()
                await self.exclusively(self.guards.look_at_host)
                await self.exclusively(self._interfaces.keep)
                await self.catch_up()
            except AccelError as error:
                _log.error("%s; trying again", error)
            except Exception:  # a bug of ours: the next second may be better
                _log.exception("an error inside acceld")

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`, which goes on if the caller is cancelled."""
        return await asyncio.shield(self._spawn(work))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
