"""How hints are used, from what is configured to the data path: only what differs is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from accel.control.hints.reports import HintReports
from accel.control.ports import HintSettingsPort, ServerIdPort
from accel.errors import AccelError
from accel.model.hints import NOTHING, UNUSED, HintUse, Kind
from accel.model.placement import PlacedService

_log = logging.getLogger(__name__)


class Hinting:
    """Services are called by their index. Called by one write at a time.

    `reports` are told how hints are used, too.
    """

    def __init__(
        self, settings: HintSettingsPort, server_ids: ServerIdPort, reports: HintReports
    ) -> None:
        self._settings = settings
        self._server_ids = server_ids
        self._reports = reports
        self._services: dict[int, PlacedService] = {}
        self._there: dict[int, Kind] = {}

    async def prepare(self) -> None:
        """Beside all else: compiling takes seconds, which no first hint shall wait for."""
        try:
            await asyncio.to_thread(self._settings.prepare)
        except AccelError as error:
            _log.error("what hints take cannot be loaded: %s", error)

    def begin(self, services: Iterable[PlacedService]) -> int:
        """Before each `sync`: these services and no others. Returns how many writes it took."""
        before = self._services
        self._services = {placed.index: placed for placed in services}
        self._reports.drop(before.keys() - self._services.keys())
        self._there = {i: kind for i, kind in self._there.items() if i in self._services}
        return self._set(self._services)

    def put(self, services: Iterable[PlacedService], removed: Iterable[int] = ()) -> int:
        """When the data path has these: services as they are now, others that are gone.

        Returns how many writes it took. Raises ProgramError, HostError and CapacityError.
        """
        gone = list(removed)
        self._reports.drop(gone)
        for index in gone:
            self._services.pop(index, None)
            self._there.pop(index, None)
        placed = {service.index: service for service in services}
        self._services.update(placed)
        writes = self._set(placed)
        return writes + self.put_server_ids(placed.values())

    def put_server_ids(self, services: Iterable[PlacedService]) -> int:
        """Once the data path has their backends. Returns how many writes it took."""
        return self._server_ids.set_server_ids(
            {
                placed.index: {
                    each: b.number for b in placed.backends for each in b.backend.server_ids
                }
                for placed in services
            }
        )

    def ask(self, index: int, kinds: Kind) -> int:
        """From now on there are hints of those of PUSHED and PREFIX for a service, and of no
        others. Returns how many writes it took. Raises ProgramError and HostError.

        It may be said before `begin`, which tells the data path, too.
        """
        self._there[index] = kinds & (Kind.PUSHED | Kind.PREFIX)
        if index not in self._services:
            return 0
        return self._set([index])

    def _set(self, indices: Iterable[int]) -> int:
        uses = {index: self.use(index) for index in indices}
        writes = self._settings.set(uses)
        self._reports.use(uses)
        return writes

    def use(self, index: int) -> HintUse:
        """What the data path is told of a service."""
        placed = self._services.get(index)
        if placed is None:
            return UNUSED
        return HintUse(hints=placed.service.hints, there=self._there.get(index, NOTHING))
