"""The daemon's life: parts start in their order, have their seconds and ticks, and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TypeVar

from accel.control.gateway import ticker
from accel.control.gateway.part import Part
from accel.control.gateway.writer import Writer
from accel.errors import AccelError
from accel.nexthop.path_mtu import TooBig

P = TypeVar("P", bound=Part)
SECOND = 1.0  # seconds between two looks at the data path

_log = logging.getLogger(__name__)


class Gateway:
    """One for each daemon. All methods are to be called in its event loop."""

    def __init__(self, writer: Writer, parts: Sequence[Part]) -> None:
        self.writer = writer
        self._parts = writer.parts = tuple(parts)

    def part(self, kind: type[P]) -> P:
        """The part of that kind."""
        (found,) = (part for part in self._parts if isinstance(part, kind))
        return found

    async def start(self) -> None:
        """Make the data path what is stored.

        Raises CapacityError if what is stored is more than the limits, HostError if the data path
        refuses, and what parts raise.
        """
        await self.writer.load()
        for part in self._parts:
            await part.start(self.writer.state)
        await self.writer.sync()
        for part in self._parts:
            await part.ready()
        spawn = self.writer.tasks.spawn
        spawn(self._seconds())
        spawn(self._prepare())
        spawn(ticker.tick(self._parts))
        for part in self._parts:
            spawn(part.run())

    def serving(self) -> None:
        """From now on clients can call."""
        for part in self._parts:
            part.serving()

    def closing(self) -> None:
        """End the calls that would go on for ever."""
        self.writer.hub.close()
        for part in self._parts:
            part.closing()

    async def stop(self) -> None:
        """Let a write under way finish; the data path goes on by itself."""
        async with self.writer.held():
            self.writer.tasks.cancel()
        await self.writer.tasks.ended()
        for part in self._parts:
            await part.stop()

    def on_too_big(self, errors: Sequence[TooBig]) -> None:
        """What routers said; what is forged is not believed."""
        self.writer.hops.narrow(errors, self.writer.state.every_backend())

    async def _prepare(self) -> None:
        for part in self._parts:
            await part.prepare()

    async def _seconds(self) -> None:
        while True:
            await asyncio.sleep(SECOND)
            try:
                for part in self._parts:
                    await part.second()
                await self.writer.catch_up()
            except AccelError as error:
                _log.error("%s; trying again", error)
            except Exception:  # a bug of ours: the next second may be better
                _log.exception("an error inside acceld")
