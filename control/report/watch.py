"""Events to whoever watches. A watcher that does not keep up is dropped, never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from accel.control.state.state import Change
from accel.errors import LaggedError, UnreachableError
from accel.model.placement import NextHop
from accel.nexthop.mirror import Unresolved

QUEUE_LENGTH = 100_000  # events that may wait for one watcher, beside one whole write


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """An attack began or ended. `excess`: packets per second, at the end the most there were.

    `seconds` is how long it was. `monitored`: nothing was done about it.
    """

    service: str
    started: bool
    monitored: bool
    excess: float
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A change at `revision`; `hops` is set if only the next hop changed: before and after.

    Or an attack that began or ended, while the store was at `revision`.
    """

    revision: int
    change: Change | None = None
    hops: tuple[NextHop | Unresolved | None, NextHop | Unresolved] | None = None
    attack: Attack | None = None


class Watcher:
    """The events for one subscriber, from the time that it was made."""

    def __init__(self, past: Sequence[Event]) -> None:
        self._waiting: list[Sequence[Event]] = [past] if past else []
        self._count = len(past)
        self._news = asyncio.Event()
        self._end: LaggedError | UnreachableError | None = None

    def put(self, events: Sequence[Event]) -> bool:
        """False if it was too many: the watcher is then at its end."""
        if self._waiting and self._count + len(events) > QUEUE_LENGTH:
            self._waiting.clear()
            self.end(
                LaggedError(
                    f"more than {QUEUE_LENGTH} events wait to be read",
                    hint="read faster; list anew, and watch from the revision of that list",
                )
            )
            return False
        self._waiting.append(events)
        self._count += len(events)
        self._news.set()
        return True

    def end(self, error: LaggedError | UnreachableError) -> None:
        """Raise `error` to the subscriber after what waits."""
        self._end = error
        self._news.set()

    async def events(self) -> AsyncIterator[Event]:
        """One after the other, for ever. Raises LaggedError, or UnreachableError at the end."""
        while True:
            while self._waiting:
                batch = self._waiting.pop(0)
                for event in batch:
                    if isinstance(self._end, LaggedError):
                        raise self._end
                    self._count -= 1
                    yield event
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()


class Hub:
    """All watchers of this daemon. Used in the event loop only."""

    def __init__(self) -> None:
        self.closed = False
        self._watchers: set[Watcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    def subscribe(self, past: Sequence[Event] = ()) -> Watcher:
        """A watcher that first gets `past`, then what is published from now on."""
        watcher = Watcher(past)
        self._watchers.add(watcher)
        return watcher

    def unsubscribe(self, watcher: Watcher) -> None:
        """To be called however the watching ended."""
        self._watchers.discard(watcher)

    def publish(self, events: Sequence[Event]) -> None:
        """Give `events`, all of one write, to all watchers."""
        if events:
            self._watchers = {watcher for watcher in self._watchers if watcher.put(events)}

    def close(self) -> None:
        """End all watchers, since the daemon stops."""
        self.closed = True
        for watcher in self._watchers:
            watcher.end(UnreachableError("the daemon stops", hint="watch again when it is back"))
        self._watchers.clear()
