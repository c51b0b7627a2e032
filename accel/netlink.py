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
import itertools
import logging
import random
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable

from accel import rtnetlink
from accel.errors import HostError
from accel.model import Address
from accel.nexthop import Mirror, NeighbourKey, Unresolved
from accel.placed import NextHop

Answer = NextHop | Unresolved
_log = logging.getLogger(__name__)

_BURST = 0.01  # seconds to wait for more events before anybody is told
_FRESHEN = 5.0  # seconds between two looks at a known neighbour, as the kernel's own interval
_RETRY = (0.5, 30.0)  # seconds: least and greatest between two looks for an unknown one
_READ_SHARE = 0.1  # of the time that reading the tables again may take
_RECEIVE_BUFFER = 4 << 20
_BATCH = 256  # probes in one datagram

_REFUSALS = {
    errno.ENOBUFS: "the kernel's neighbour table is full: raise the sysctls "
    "net.ipv4.neigh.default.gc_thresh3 and net.ipv6.neigh.default.gc_thresh3",
    errno.EPERM: "CAP_NET_ADMIN is missing",
}

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_SO_RCVBUFFORCE = 33


class Follower:
    """Next hops of followed addresses in the network namespace of the thread that starts it.

    `changed` is called on the event loop with the followed addresses whose answer is another
    than at the last call (or than when they were given to `follow`), once per burst of events.
    """

    def __init__(self, changed: Callable[[set[Address]], None]) -> None:
        self._changed = changed
        self._mirror = Mirror()
        self._followed: dict[Address, Answer] = {}
        self._users: dict[NeighbourKey, set[Address]] = {}
        self._attempts: dict[NeighbourKey, int] = {}
        self._due: dict[NeighbourKey, float] = {}
        self._touched: set[NeighbourKey] = set()
        self._tables_stale = self._neighbours_stale = False
        self._not_before = 0.0
        self._explained: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sequence = itertools.count(1)
        self._sockets = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read all tables and subscribe. Raises HostError."""
        self._loop = asyncio.get_running_loop()
        try:
            self._events = self._open()
            self._requests = self._open()
            with contextlib.suppress(PermissionError):
                self._events.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            for group in rtnetlink.GROUPS:
                self._events.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
            self._events.setblocking(False)
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
        self._tell(self._followed)

    async def stop(self) -> None:
        """Give everything back. Harmless if not started."""
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._sockets.close()

    def follow(self, addresses: Iterable[Address]) -> None:
        """Follow exactly these from now on, and look for those that have no neighbour yet.

        Only after `start`. Asks the kernel, but does not wait: `changed` tells what it found.
        """
        wanted = set(addresses)
        self._followed = {a: self._mirror.resolve(a) for a in wanted}
        self._index_users()
        self._probe_due()

    def resolve(self, address: Address) -> Answer:
        """What is known at this moment, of any address."""
        return self._mirror.resolve(address)

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sockets.enter_context(opened)
        opened.bind((0, 0))
        return opened

    # What comes from the kernel

    def _on_events(self) -> None:
        while True:
            try:
                data = self._events.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                _log.warning("the kernel had more events than fit the buffer: reading all again")
                self._tables_stale = self._neighbours_stale = True
                continue
            for message in rtnetlink.split(data):
                self._on_event(message)
        if self._tables_stale or self._neighbours_stale or self._touched:
            self._wake(_BURST)

    def _on_event(self, message: rtnetlink.Message) -> None:
        if message.kind in (rtnetlink.RTM_NEWNEIGH, rtnetlink.RTM_DELNEIGH):
            self._put_neighbour(message)
        elif message.kind == rtnetlink.NLMSG_ERROR:
            self._explain_refusal(message.error)
        else:
            self._tables_stale = True

    def _put_neighbour(self, message: rtnetlink.Message) -> NeighbourKey | None:
        read = rtnetlink.read_neighbour(message)
        if read is None:
            return None
        self._set_neighbour(*read)
        return read[0]

    def _set_neighbour(self, key: NeighbourKey, mac: bytes | None) -> None:
        if self._mirror.put_neighbour(key, mac) and key in self._users:
            self._touched.add(key)
            self._attempts[key] = 0
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
        affected = {a for key in touched for a in self._users.get(key, ())}
        wait = self._not_before - self._loop.time()
        try:
            if self._neighbours_stale:
                self._read_neighbours()
                affected = set(self._followed)
            if self._tables_stale and wait <= 0:
                self._read_tables()
                affected = set(self._followed)
        except OSError as error:
            _log.warning("reading the kernel's tables failed, trying again: %s", error.strerror)
            wait = _RETRY[0]
        self._tell(affected)
        if self._tables_stale or self._neighbours_stale:
            self._wake(max(wait, _BURST))

    def _tell(self, affected: Iterable[Address]) -> None:
        changed = set()
        for address in affected:
            answer = self._mirror.resolve(address)
            if address in self._followed and answer != self._followed[address]:
                self._followed[address] = answer
                changed.add(address)
        if changed:
            self._index_users()
            self._probe_due()
            self._changed(changed)

    def _index_users(self) -> None:
        """Who depends on which neighbour. Keeps the clocks of neighbours that stay."""
        users: defaultdict[NeighbourKey, set[Address]] = defaultdict(set)
        for address in self._followed:
            path = self._mirror.path(address)
            if not isinstance(path, Unresolved):
                users[path.neighbour].add(address)
        self._users = dict(users)
        self._attempts = {key: self._attempts.get(key, 0) for key in users}
        self._due = {key: self._due.get(key, 0.0) for key in users}

    # Asking

    def _read_tables(self) -> None:
        started = self._loop.time()
        links = [rtnetlink.read_link(m) for m in self._dump(rtnetlink.RTM_GETLINK)]
        addresses = [rtnetlink.read_address(m) for m in self._dump(rtnetlink.RTM_GETADDR)]
        routes = [rtnetlink.read_route(m) for m in self._dump(rtnetlink.RTM_GETROUTE)]
        self._mirror.replace(
            links, (a for a in addresses if a is not None), (r for r in routes if r is not None)
        )
        self._tables_stale = False
        # With a large table that changes all the time, reading it is not all that is done.
        now = self._loop.time()
        self._not_before = now + (now - started) * (1 / _READ_SHARE - 1)

    def _read_neighbours(self) -> None:
        self._neighbours_stale = False
        seen = {self._put_neighbour(m) for m in self._dump(rtnetlink.RTM_GETNEIGH)}
        for key in self._mirror.neighbours() - seen:
            self._set_neighbour(key, None)

    def _dump(self, kind: int) -> list[rtnetlink.Message]:
        """All objects of a kind; again if they changed while they were read. Raises OSError."""
        while True:
            sequence = next(self._sequence)
            self._requests.send(rtnetlink.dump_request(kind, sequence))
            messages: list[rtnetlink.Message] = []
            while not messages or messages[-1].kind != rtnetlink.NLMSG_DONE:
                received = rtnetlink.split(self._requests.recv(1 << 18))
                messages += [m for m in received if m.sequence == sequence]
                if messages and messages[-1].kind == rtnetlink.NLMSG_ERROR:
                    raise OSError(messages[-1].error, "the kernel refused to list its tables")
            if not any(m.flags & rtnetlink.NLM_F_DUMP_INTR for m in messages):
                return messages[:-1]

    async def _keep_fresh(self) -> None:
        """Frames in XDP do not touch the neighbour table, so the kernel must be told of the use."""
        while True:
            await asyncio.sleep(_RETRY[0])
            self._probe_due()

    def _probe_due(self) -> None:
        now = self._loop.time()
        due = [key for key, time in self._due.items() if time <= now]
        if due:
            self._probe(due)

    def _probe(self, keys: list[NeighbourKey]) -> None:
        least, greatest = _RETRY
        for key in keys:
            attempts = self._attempts[key]
            if self._mirror.knows(key):
                later = _FRESHEN
            else:
                later = min(least * 2 ** min(attempts, 10), greatest)
            self._attempts[key] = attempts + 1
            # Spread, so that thousands of neighbours are not asked for in one moment.
            self._due[key] = self._loop.time() + later * random.uniform(0.75, 1.25)
        for start in range(0, len(keys), _BATCH):
            batch = b"".join(map(rtnetlink.probe_request, keys[start : start + _BATCH]))
            with contextlib.suppress(OSError):  # asked again when it is due
                self._events.send(batch)
