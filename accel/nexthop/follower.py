"""Follow the kernel's tables and say when the next hop of an address changes.

Links, addresses and routes are read anew whenever one of them changes: the kernel announces
too little to keep them by events alone (it deletes IPv4 routes of an interface that goes down
without a word). Neighbours, which change most, are kept by their events. docs/next-hops.md has
the drawing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from accel.errors import HostError
from accel.model.address import Address
from accel.model.placement import NextHop
from accel.nexthop import messages
from accel.nexthop.mirror import Mirror, NeighbourKey, Unresolved
from accel.nexthop.socket import EventsLostError, RouteSocket

Answer = NextHop | Unresolved
_log = logging.getLogger(__name__)

_BURST = 0.01  # seconds to wait for more events before anybody is told
_GRACE = 0.2  # seconds until a next hop whose neighbour is lost is told as lost
_FRESHEN = 5.0  # seconds between two looks at a known neighbour, as the kernel's own interval
_RETRY = (0.5, 30.0)  # seconds: least and greatest between two looks for an unknown one
_READ_SHARE = 0.1  # of the time that reading the tables again may take

_REFUSALS = {
    errno.ENOBUFS: "the kernel's neighbour table is full: raise the sysctls "
    "net.ipv4.neigh.default.gc_thresh3 and net.ipv6.neigh.default.gc_thresh3",
    errno.EPERM: "CAP_NET_ADMIN is missing",
}


@dataclass(slots=True)
class _Watch:
    """A neighbour that followed addresses need, and when the kernel is asked for it next."""

    users: set[Address] = field(default_factory=set)
    attempts: int = 0
    due: float = 0.0


class Follower:
    """Next hops of followed addresses in the network namespace of the thread that starts it.

    `changed` is called on the event loop with the followed addresses whose answer is another
    than at the last call (or than when they were given to `follow`), once per burst of events.
    """

    def __init__(self, changed: Callable[[set[Address]], None]) -> None:
        self._changed = changed
        self._mirror = Mirror()
        self._followed: dict[Address, Answer] = {}
        self._watches: dict[NeighbourKey, _Watch] = {}
        self._static: set[NeighbourKey] = set()
        self._touched: set[NeighbourKey] = set()
        self._missed: dict[Address, float] = {}
        self._tables_stale = self._neighbours_stale = False
        self._not_before = 0.0
        self._explained: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sockets = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read all tables and subscribe. Raises HostError."""
        self._loop = asyncio.get_running_loop()
        try:
            self._events = self._sockets.enter_context(contextlib.closing(RouteSocket()))
            self._requests = self._sockets.enter_context(contextlib.closing(RouteSocket()))
            self._events.subscribe()
            self._read_tables()
            self._read_neighbours()
        except OSError as error:
            self._sockets.close()
            raise HostError(
                f"the kernel's routes and neighbours cannot be read: {error.strerror}",
                hint="see that nothing forbids AF_NETLINK sockets (RestrictAddressFamilies)",
            ) from error
        self._loop.add_reader(self._events, self._on_events)
        self._sockets.callback(self._loop.remove_reader, self._events)
        self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """Give everything back. Harmless if not started."""
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._sockets.close()

    def follow(self, addresses: Collection[Address]) -> None:
        """Follow exactly these from now on."""
        wanted = set(addresses)
        self.unfollow(self._followed.keys() - wanted)
        self.follow_too(wanted - self._followed.keys())

    def follow_too(self, addresses: Iterable[Address]) -> None:
        """Follow these besides, and look for those that have no neighbour yet.

        Only after `start`. Asks the kernel, but does not wait: `changed` tells what it found.
        """
        fresh = []
        for address in addresses:
            self._followed[address] = self._mirror.resolve(address)
            key = self._neighbour_of(address)
            if key:
                if key not in self._watches:
                    self._watches[key] = _Watch()
                    fresh.append(key)
                self._watches[key].users.add(address)
        self._probe(fresh)

    def unfollow(self, addresses: Iterable[Address]) -> None:
        """No longer follow these; those that were not followed do not matter."""
        for address in addresses:
            self._followed.pop(address, None)
            self._missed.pop(address, None)
            key = self._neighbour_of(address)
            if key in self._watches:
                self._watches[key].users.discard(address)
                if not self._watches[key].users:
                    del self._watches[key]

    def resolve(self, address: Address) -> Answer:
        """What `changed` told last of a followed address; what is known now of any other."""
        return self._followed.get(address) or self._mirror.resolve(address)

    # What comes from the kernel

    def _on_events(self) -> None:
        try:
            for message in self._events.events():
                self._on_event(message)
        except EventsLostError:
            _log.warning("the kernel had more events than fit the buffer: reading all again")
            self._tables_stale = self._neighbours_stale = True
        if self._tables_stale or self._neighbours_stale or self._touched:
            self._wake(_BURST)

    def _on_event(self, message: messages.Message) -> None:
        if message.kind in (messages.RTM_NEWNEIGH, messages.RTM_DELNEIGH):
            self._put_neighbour(message)
        elif message.kind == messages.NLMSG_ERROR:
            self._explain_refusal(message.error)
        else:
            self._tables_stale = True

    def _put_neighbour(self, message: messages.Message) -> NeighbourKey | None:
        read = messages.read_neighbour(message)
        if read is None:
            return None
        if messages.is_static(message):
            self._static.add(read[0])
        else:
            self._static.discard(read[0])
        self._set_neighbour(*read)
        return read[0]

    def _set_neighbour(self, key: NeighbourKey, mac: bytes | None) -> None:
        if self._mirror.put_neighbour(key, mac) and key in self._watches:
            self._touched.add(key)
            self._watches[key].attempts = 0
            if mac is None:  # lost: ask at once, it may be back before anybody is told
                self._probe([key])

    def _explain_refusal(self, code: int) -> None:
        """Of a probe, once a minute for each kind that somebody can do something about."""
        now = self._loop.time()
        if code in _REFUSALS and self._explained.get(code, now) <= now:
            self._explained[code] = now + 60
            _log.warning("a next hop cannot be looked for: %s", _REFUSALS[code])

    # What is made of it

    def _wake(self, delay: float) -> None:
        if self._timer:
            if self._timer.when() <= self._loop.time() + delay:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._settle)

    def _settle(self) -> None:
        """Bring the mirror up to date and tell what changed."""
        self._timer = None
        touched, self._touched = self._touched, set()
        affected = {a for key in touched & self._watches.keys() for a in self._watches[key].users}
        wait = self._not_before - self._loop.time()
        try:
            if self._neighbours_stale:
                self._read_neighbours()
                affected = set(self._followed)
            if self._tables_stale and wait <= 0 and self._read_tables():
                self._watch_anew()
                affected = set(self._followed)
        except OSError as error:
            _log.warning("reading the kernel's tables failed, trying again: %s", error.strerror)
            wait = _RETRY[0]
        self._tell(affected | self._missed.keys())
        if self._tables_stale or self._neighbours_stale:
            self._wake(max(wait, _BURST))

    def _tell(self, affected: Iterable[Address]) -> None:
        now = self._loop.time()
        changed = set()
        for address in affected:
            answer, before = self._mirror.resolve(address), self._followed.get(address)
            # A neighbour that is looked for may be found in a moment: until then the last next
            # hop is better than none.
            sought = isinstance(answer, Unresolved) and answer.probe
            if sought and isinstance(before, NextHop):
                deadline = self._missed.setdefault(address, now + _GRACE)
                if now < deadline:
                    self._wake(deadline - now)
                    continue
            self._missed.pop(address, None)
            if before is not None and answer != before:
                self._followed[address] = answer
                changed.add(address)
        if changed:
            self._changed(changed)

    def _watch_anew(self) -> None:
        """After routes changed: who needs which neighbour. The clocks of those that stay go on."""
        before, self._watches = self._watches, {}
        for address in self._followed:
            key = self._neighbour_of(address)
            if key:
                if key not in self._watches:
                    old = before.get(key, _Watch())
                    self._watches[key] = _Watch(attempts=old.attempts, due=old.due)
                self._watches[key].users.add(address)
        self._probe([key for key in self._watches if key not in before])

    def _neighbour_of(self, address: Address) -> NeighbourKey | None:
        path = self._mirror.path(address)
        return None if isinstance(path, Unresolved) else path.neighbour

    # Asking

    def _read_tables(self) -> bool:
        started = self._loop.time()
        links = [messages.read_link(m) for m in self._requests.dump(messages.RTM_GETLINK)]
        addresses = [messages.read_address(m) for m in self._requests.dump(messages.RTM_GETADDR)]
        routes = [messages.read_route(m) for m in self._requests.dump(messages.RTM_GETROUTE)]
        changed = self._mirror.replace(
            links, (a for a in addresses if a is not None), (r for r in routes if r is not None)
        )
        self._tables_stale = False
        # With a large table that changes all the time, reading it is not all that is done.
        now = self._loop.time()
        self._not_before = now + (now - started) * (1 / _READ_SHARE - 1)
        return changed

    def _read_neighbours(self) -> None:
        self._neighbours_stale = False
        seen = {self._put_neighbour(m) for m in self._requests.dump(messages.RTM_GETNEIGH)}
        for key in self._mirror.neighbours() - seen:
            self._set_neighbour(key, None)

    async def _keep_fresh(self) -> None:
        """Frames in XDP do not touch the neighbour table, so the kernel must be told of the use."""
        while True:
            await asyncio.sleep(_RETRY[0])
            now = self._loop.time()
            self._probe([key for key, watch in self._watches.items() if watch.due <= now])

    def _probe(self, keys: list[NeighbourKey]) -> None:
        least, greatest = _RETRY
        for key in keys:
            watch = self._watches[key]
            if self._mirror.knows(key):
                later = _FRESHEN
            else:
                later = min(least * 2 ** min(watch.attempts, 10), greatest)
            watch.attempts += 1
            # Spread, so that thousands of neighbours are not asked for in one moment.
            watch.due = self._loop.time() + later * random.uniform(0.75, 1.25)
        with contextlib.suppress(OSError):  # asked again when it is due
            self._events.probe([key for key in keys if key not in self._static])
