"""A part of the daemon: what it does at a write, each second, at the start and at the end.

A new part overrides what it needs and has a line in accel.control.wiring. docs/parts.md says more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from accel.control.state.state import Change, State
from accel.model.placement import PlacedService


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One write. What only moved next hops has no changes.

    `services` are those that it touches, as the data path is to have them, and `removed` the
    indices of those that are gone. When a write is checked neither is known yet.
    """

    before: State
    after: State
    changes: Sequence[Change] = ()
    services: Sequence[PlacedService] = ()
    removed: Sequence[int] = ()

    @property
    def touched(self) -> set[str]:
        """The names of the services that are changed, or whose backends are."""
        return {change.service for change in self.changes}


class Part:
    """Here nothing is done. What is not async is called in a thread, while nothing else is
    written, but for `tick`, `serving` and `closing`, which are called in the event loop.

    `lock` is held during a write: what may not happen meanwhile takes it, too.
    """

    lock: asyncio.Lock | None = None

    # Start and end

    async def start(self, state: State) -> None:
        """Before the data path is synced with `state` for the first time."""

    async def ready(self) -> None:
        """The data path is in step: packets may come."""

    def serving(self) -> None:
        """From now on clients can call."""

    async def prepare(self) -> None:
        """Beside all else: what takes long, so that nobody needs to wait for it later."""

    async def run(self) -> None:
        """Beside all else, for ever if need be; cancelled at the end."""

    def closing(self) -> None:
        """The daemon stops: calls that would go on for ever end now."""

    async def stop(self) -> None:
        """After all else, even if `start` failed. The data path goes on by itself."""

    # A write

    def check(self, write: Write) -> None:
        """Raise what refuses the write, before anything is stored. Nothing may change."""

    def before(self, write: Write) -> None:
        """It is stored. What is to be done before any part carries it out."""

    def carry_out(self, write: Write) -> None:
        """Make it so. What fails is logged, and put right by a sync soon."""

    # All services: at the start, and after a write that failed

    def before_sync(self, services: Sequence[PlacedService]) -> int:
        """What is to be done before any part syncs. Returns how many writes it took."""
        return 0

    def sync(self, services: Sequence[PlacedService]) -> int:
        """Make it so that there are these and no others, whatever was there before.

        Returns how many writes it took.
        """
        return 0

    def adjust(self) -> int:
        """Another part has changed what all services share. Returns how many writes it took."""
        return 0

    # Time

    def tick(self) -> None:
        """Ten times a second. It is to be short."""

    async def ticked(self) -> None:
        """After each round of ticks: what came of it."""

    async def second(self) -> None:
        """Once a second."""


class Exclusively(Protocol):
    """Does an act in a thread, while nothing else is written to the data path."""

    def __call__(self, act: Callable[[], Any], /) -> Awaitable[Any]: ...
