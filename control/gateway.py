"""The coordinator: every write goes plan -> placement -> store -> data path -> events.

Writes are one at a time, and are finished even if their caller goes away. Reads look at the
latest State and wait for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from accel.attach import Attachment
from accel.control.needs import DataPath, Follower, MakeFollower
from accel.control.plans import Plan
from accel.control.state import Change, State
from accel.control.store import Store
from accel.control.watch import Event, Hub, Watcher
from accel.errors import AccelError, HostError, NotFoundError
from accel.model import Address, Backend, Mode, Service
from accel.nexthop import Unresolved
from accel.placed import NextHop, PlacedService

T = TypeVar("T")
TICK = 1.0  # seconds between two looks at the data path
LINES = 10  # of the log that one event may take
FEW = 16  # services that are written one by one; more are written as a whole

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
        await self._attach_stored()
        for interface in interfaces:
            if interface not in self._store.attachments():
                await self.attach(interface, xdp_mode)
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
            _log_changes(changes, after.revision)
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
        # Numbers that move from one service to another need the whole.
        moving = len(touched) > 1 and any(change.after is None for change in changes)
        if len(touched) > FEW or moving:
            self.data_path.sync(self._placed(after))
            return
        for name in touched:
            if name in after.services:
                self.data_path.put(after.placed(name, self.usable_hop))
            else:
                self.data_path.remove(before.placement.services.taken[name].number)

    def _placed(self, state: State) -> list[PlacedService]:
        return [state.placed(name, self.usable_hop) for name in state.services]

    async def _sync(self) -> None:
        state = self.state
        writes = await self._to_data_path(lambda: self.data_path.sync(self._placed(state)))
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
        _log_unresolved({a: hop for a, hop in hops.items() if isinstance(hop, Unresolved)})

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
            _log_hops({address: after for address, (_, after) in hops.items()})
            try:
                await self._to_data_path(lambda: self._redirect({b.service for b in moved}))
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

    def _redirect(self, names: Collection[str]) -> None:
        if len(names) > FEW:
            self.data_path.sync(self._placed(self.state))
            return
        for name in names:
            self.data_path.put(self.state.placed(name, self.usable_hop))

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
        """Steer what arrives at `interface`, also after a restart.

        `xdp_mode` is "auto", "native" or "generic". Raises NotFoundError, HostError.
        """
        return await self._finish(self._attach(interface, xdp_mode))

    async def _attach(self, interface: str, xdp_mode: str) -> Attachment:
        async with self._lock:
            _check_interface(interface)
            former = self._store.attachments().get(interface)
            self._store.set_attachment(interface, wanted=True, mode=xdp_mode)
            try:
                attachment = await asyncio.to_thread(self.data_path.attach, interface, xdp_mode)
            except AccelError:
                if former is None:
                    self._store.forget_attachment(interface)
                else:
                    self._store.set_attachment(interface, wanted=former[0], mode=former[1])
                raise
            _log_attachment(attachment)
            return attachment

    async def detach(self, interface: str) -> None:
        """Leave what arrives at `interface` to the host, also after a restart.

        Raises NotFoundError if it is not attached.
        """
        await self._finish(self._detach(interface))

    async def _detach(self, interface: str) -> None:
        async with self._lock:
            attached = await asyncio.to_thread(self.data_path.attachments)
            wanted, mode = self._store.attachments().get(interface, (False, "auto"))
            here = interface in {attachment.interface for attachment in attached}
            if not wanted and not here:
                raise NotFoundError(
                    "interface", interface, hint="it is not attached: see the status for those"
                )
            self._store.set_attachment(interface, wanted=False, mode=mode)
            if here:
                await asyncio.to_thread(self.data_path.detach, interface)
            _log.info("interface %s detached", interface)

    async def _attach_stored(self) -> None:
        stored = self._store.attachments()
        attached = {a.interface for a in await asyncio.to_thread(self.data_path.attachments)}
        for interface, (wanted, mode) in stored.items():
            try:
                if wanted and interface not in attached:
                    _log_attachment(await asyncio.to_thread(self.data_path.attach, interface, mode))
                elif not wanted and interface in attached:
                    await asyncio.to_thread(self.data_path.detach, interface)
            except AccelError as error:
                _log.error("interface %s: %s", interface, error)

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


def _check_interface(name: str) -> None:
    try:
        socket.if_nametoindex(name)
    except OSError:
        raise NotFoundError(
            "interface", name, hint="see `ip link` for those of this network namespace"
        ) from None


def _log_attachment(attachment: Attachment) -> None:
    _log.info("interface %s attached, %s", attachment.interface, attachment.xdp_mode)
    if attachment.warning:
        _log.warning("interface %s: %s", attachment.interface, attachment.warning)


def _log_changes(changes: Sequence[Change], revision: int) -> None:
    if len(changes) > 1:
        kinds = Counter(_kind(change) for change in changes)
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        _log.info("revision %d: %s", revision, counted)
        return
    subject = changes[0].subject
    name = subject.name if isinstance(subject, Service) else f"{subject.service}/{subject.name}"
    what = type(subject).__name__.lower()
    _log.info("revision %d: %s %s %s", revision, what, name, _kind(changes[0]))


def _kind(change: Change) -> str:
    if change.before is None:
        return "created"
    return "deleted" if change.after is None else "updated"


def _log_hops(hops: Mapping[Address, NextHop | Unresolved]) -> None:
    found = {address: hop for address, hop in hops.items() if isinstance(hop, NextHop)}
    for address, hop in islice(found.items(), LINES):
        _log.info("next hop of %s is %s on %s", address, hop.mac.hex(":"), hop.interface)
    if len(found) > LINES:
        _log.info("and so for %d more addresses", len(found) - LINES)
    _log_unresolved({a: hop for a, hop in hops.items() if isinstance(hop, Unresolved)})


def _log_unresolved(hops: Mapping[Address, Unresolved]) -> None:
    for address, hop in islice(hops.items(), LINES):
        _log.warning("no next hop for backends at %s: %s", address, hop.problem)
    if len(hops) > LINES:
        _log.warning("and %d more addresses: see the list of backends", len(hops) - LINES)
