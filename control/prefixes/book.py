"""Allowed and denied prefixes: checked, stored, and then in the data path, all of a change or none.

Beside the gateway's writes: a million prefixes take seconds, for which no guard shall wait. Only
what brings a change to the packets, a tenth of that, is done while nothing else is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import time
from collections.abc import Awaitable, Callable

import numpy as np

from accel.config.prefix_text import Listed
from accel.control.gateway.part import Part
from accel.control.ports import PrefixPort
from accel.control.state.state import State
from accel.control.store.prefixes import PrefixStore, Stored
from accel.datapath.layout import CONSTANTS
from accel.errors import AccelError, InvalidError, NotFoundError
from accel.model.address import Address
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes

LOOK = 0.25  # seconds between two looks for what has expired
_MANY = 10_000  # prefixes that take MB on their way
_AGAIN = 2.0  # seconds until the next try, after one that failed

_log = logging.getLogger(__name__)
Act = Callable[[], int]


class PrefixBook(Part):
    """`adjusting` does an act while nothing else is written, and lets other parts adjust to it.

    `clock` gives seconds since 1970. What expires while there is no daemon stays until `start`.
    """

    def __init__(
        self,
        *,
        store: PrefixStore,
        table: PrefixPort,
        adjusting: Callable[[Act], Awaitable[int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._table = table
        self._adjusting = adjusting
        self._clock = clock
        self._lock = asyncio.Lock()
        self._next = 0

    @property
    def limit(self) -> int:
        """How many there can be."""
        return self._table.limit

    async def stop(self) -> None:
        """After `run` has ended."""
        self._store.close()

    async def start(self, state: State) -> None:
        """Before the first `sync` of the data path: it is to have what is stored.

        Raises CapacityError if that is more than the limit, HostError if the file is damaged.
        """
        async with self._lock:
            await asyncio.to_thread(self._forget, self._now())
            stored = await asyncio.to_thread(self._store.load)
            write = await asyncio.to_thread(lambda: self._table.plan(stored, only=True))
            writes = await asyncio.to_thread(write)
            await self._look()
            await asyncio.to_thread(_give_back, len(stored))
        if len(stored):
            _log.info("%d prefixes are allowed or denied, %d writes", len(stored), writes)

    async def put(self, listed: Listed, *, only: bool = False, validate_only: bool = False) -> int:
        """Add these, or with `only` put them in the place of all. How many there are then.

        Raises InvalidError for one that is there with the other action, CapacityError, HostError.
        """
        async with self._lock:
            before = len(self._table)
            new, write = await asyncio.to_thread(self._plan, listed, only)
            count = len(listed.prefixes) if only else before + new
            if validate_only:
                return count
            expires = np.where(listed.ttl > 0, self._now() + listed.ttl * 1000, 0)
            await asyncio.to_thread(
                lambda: self._store.put(listed.prefixes, expires, listed.comments, only=only)
            )
            await self._adjusting(write)
            await self._look()
            await asyncio.to_thread(_give_back, len(listed.prefixes))
            what = "put in the place of all" if only else "added"
            _log.info("%d prefixes %s: %d are there now", len(listed.prefixes), what, count)
            return count

    def _plan(self, listed: Listed, only: bool) -> tuple[int, Act]:
        prefixes, actions = listed.prefixes, np.zeros(len(listed.prefixes), np.int64)
        if not only:
            actions = self._table.actions(prefixes)
            denied = actions == CONSTANTS["PREFIX_DENY"]
            contrary = (actions != 0) & (denied != prefixes.deny)
            if contrary.any():
                i = int(contrary.argmax())
                network, _ = next(iter(prefixes.take(slice(i, i + 1))))
                raise InvalidError(
                    listed.where(i),
                    f"{network} is {'denied' if denied[i] else 'allowed'} already",
                    hint=f"remove it first: accel prefix remove {network}",
                )
        return int((actions == 0).sum()), self._table.plan(prefixes, only=only)

    async def remove(self, networks: list[Network], *, validate_only: bool = False) -> int:
        """How many are left. Raises NotFoundError, HostError."""
        prefixes = Prefixes.of([(network, False) for network in dict.fromkeys(networks)])
        async with self._lock:
            actions = self._table.actions(prefixes)
            if not actions.all():
                missing = list(prefixes)[int((actions == 0).argmax())][0]
                raise NotFoundError(
                    "prefix", str(missing), hint="list the prefixes to see how they are written"
                )
            if not validate_only:
                await self._remove(prefixes)
                _log.info("%d prefixes removed", len(prefixes))
                return len(self._table)
            return len(self._table) - len(prefixes)

    async def page(self, after: bytes, size: int) -> tuple[list[Stored], int]:
        """The next ones after a key, and how many there are in all."""
        async with self._lock:
            found = await asyncio.to_thread(self._store.page, after, size)
            return found, len(self._table)

    async def covering(self, address: Address) -> list[Stored]:
        """Those that have `address`, the longest, which decides, first."""
        async with self._lock:
            return await asyncio.to_thread(self._store.covering, address)

    async def run(self) -> None:
        """For ever: what expires goes. First of all, what searches prefixes is compiled."""
        try:
            await asyncio.to_thread(self._table.prepare)
        except AccelError as error:
            _log.error("prefixes cannot be searched for: %s", error)
        while True:
            await asyncio.sleep(LOOK)
            if not self._next or self._now() < self._next:
                continue
            try:
                await self.expire()
            except AccelError as error:
                _log.error("%s; trying again", error)
                await asyncio.sleep(_AGAIN)

    async def expire(self) -> None:
        """Remove those whose time is over."""
        async with self._lock:
            gone = await asyncio.to_thread(self._store.expired, self._now())
            if len(gone):
                await self._remove(gone)
                _log.info("%d prefixes expired: %d are left", len(gone), len(self._table))
            await self._look()

    async def _remove(self, prefixes: Prefixes) -> None:
        await asyncio.to_thread(self._store.remove, prefixes)
        none = Prefixes.of([])
        write = await asyncio.to_thread(self._table.plan, none, prefixes)
        await self._adjusting(write)
        await self._look()

    def _forget(self, now: int) -> None:
        gone = self._store.expired(now)
        if len(gone):
            self._store.remove(gone)

    async def _look(self) -> None:
        self._next = await asyncio.to_thread(self._store.next_expiry)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _give_back(count: int) -> None:
    """What so many took on the way goes back to the kernel now, where the C library knows how."""
    if count >= _MANY:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
