"""Who watches hints come and go. A watcher that does not keep up is dropped, never waited for."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from accel.control.hints.pushed.page import Shown
from accel.errors import LaggedError, UnreachableError

QUEUE_LENGTH = 250_000  # hints that may wait for one watcher, beside those of one step


class What(enum.Enum):
    """What happened to hints."""

    SET = "set"
    REMOVED = "removed"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """It happened to these."""

    what: What
    hints: Shown


class HintWatcher:
    """The news for one subscriber, of one service if `service` is not empty."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._waiting: list[News] = []
        self._count = 0
        self._changed = asyncio.Event()
        self._end: LaggedError | UnreachableError | None = None

    def put(self, news: News) -> bool:
        """False if it was too much: the watcher is then at its end."""
        hints = news.hints.of_service(self._service) if self._service else news.hints
        if not len(hints):
            return True
        if self._waiting and self._count + len(hints) > QUEUE_LENGTH:
            self._waiting.clear()
            self.end(
                LaggedError(
                    f"more than {QUEUE_LENGTH} hints wait to be read",
                    hint="read faster, or watch one service; list anew for what was missed",
                )
            )
            return False
        self._waiting.append(News(what=news.what, hints=hints))
        self._count += len(hints)
        self._changed.set()
        return True

    def end(self, error: LaggedError | UnreachableError) -> None:
        """Raise `error` to the subscriber after what waits."""
        self._end = error
        self._changed.set()

    async def news(self) -> AsyncIterator[News]:
        """For ever, in parts. Raises LaggedError, or UnreachableError at the end."""
        while True:
            while self._waiting:
                news = self._waiting.pop(0)
                for part in news.hints.parts():
                    if isinstance(self._end, LaggedError):
                        raise self._end
                    yield News(what=news.what, hints=part)
                    self._count -= len(part)
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()


class HintHub:
    """All watchers of hints. Used in the event loop only, but for `__len__`."""

    def __init__(self) -> None:
        self._watchers: set[HintWatcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    def subscribe(self, service: str = "") -> HintWatcher:
        """A watcher of what happens from now on."""
        watcher = HintWatcher(service)
        self._watchers.add(watcher)
        return watcher

    def unsubscribe(self, watcher: HintWatcher) -> None:
        """To be called however the watching ended."""
        self._watchers.discard(watcher)

    def publish(self, all_news: Iterable[News]) -> None:
        """Give these to all watchers."""
        for news in all_news:
            self._watchers = {watcher for watcher in self._watchers if watcher.put(news)}

    def close(self) -> None:
        """End all watchers, since the daemon stops."""
        for watcher in self._watchers:
            watcher.end(UnreachableError("the daemon stops", hint="watch again when it is back"))
        self._watchers.clear()
