"""Steering as a part: services and backends of a write go to the data path."""

from __future__ import annotations

from collections.abc import Sequence

from accel.control.gateway.part import Exclusively, Part, Write
from accel.control.ports import SteeringPort
from accel.model.backend import Backend
from accel.model.placement import PlacedService
from accel.model.service import Service


class Steering(Part):
    """Numbers that are given out anew begin without counts."""

    def __init__(self, maps: SteeringPort, exclusively: Exclusively) -> None:
        self._maps = maps
        self._exclusively = exclusively

    def carry_out(self, write: Write) -> None:
        placement = write.after.placement
        for change in write.changes:
            if change.before is None and isinstance(change.after, Service):
                self._maps.reset_service(placement.services.taken[change.after.name].number)
            elif change.before is None and isinstance(change.after, Backend):
                self._maps.reset_backend(placement.backends.taken[change.after.key].number)
        self._maps.put(write.services, write.removed)

    def sync(self, services: Sequence[PlacedService]) -> int:
        return self._maps.sync(services)

    async def second(self) -> None:
        await self._exclusively(self._maps.second)
