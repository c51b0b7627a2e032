"""Hints as a part: pushed ones, how they are used, and what they bring."""

from __future__ import annotations

from collections.abc import Sequence

from accel.control.gateway.part import Part, Write
from accel.control.hints.pushed.service import HintBook
from accel.control.hints.reports import HintReports
from accel.control.hints.settings import Hinting
from accel.control.state.state import State
from accel.model.backend import Backend
from accel.model.placement import PlacedService
from accel.model.service import Service


class HintsPart(Part):
    """No request of the book is carried out during a write: what is deleted takes its hints along,
    and none are set meanwhile."""

    def __init__(self, book: HintBook, hinting: Hinting, reports: HintReports) -> None:
        self.lock = book.lock
        self.book = book
        self.hinting = hinting
        self.reports = reports

    async def start(self, state: State) -> None:
        await self.book.start()

    async def prepare(self) -> None:
        await self.hinting.prepare()

    def closing(self) -> None:
        self.book.hub.close()

    async def stop(self) -> None:
        await self.book.stop()

    def before(self, write: Write) -> None:
        """Before numbers and keys are others in the maps."""
        numbers = write.before.placement.backends.taken
        changes = write.changes
        gone = [c.before.key for c in changes if isinstance(c.before, Backend) and not c.after]
        if gone:
            self.book.forget([numbers[key].number for key in gone])
        for change in changes:
            if isinstance(change.after, Service):
                hints = change.after.hints
                index = write.after.placement.services.taken[change.after.name].number
                self.book.rekey(index, hints.key4, hints.key6)

    def carry_out(self, write: Write) -> None:
        self.hinting.put(write.services, write.removed)

    def before_sync(self, services: Sequence[PlacedService]) -> int:
        return self.hinting.begin(services)

    def sync(self, services: Sequence[PlacedService]) -> int:
        return self.hinting.put_server_ids(services)

    def tick(self) -> None:
        self.reports.tick()

    async def second(self) -> None:
        await self.book.second()
