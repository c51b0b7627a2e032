"""Services and backends in memory: SteeringPort."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from accel.model.placement import PlacedService
from tests.support.daemon.fake_calls import Calls


class FakeSteering:
    """`on_second` is called each second."""

    def __init__(self, calls: Calls, on_second: Callable[[], object] = lambda: None) -> None:
        self.services: dict[int, PlacedService] = {}
        self._calls = calls
        self._on_second = on_second

    def sync(self, services: Sequence[PlacedService], /) -> int:
        self._calls.note("sync", len(services))
        self.services = {placed.index: placed for placed in services}
        return len(services)

    def put(self, services: Sequence[PlacedService], removed: Collection[int] = (), /) -> int:
        self._calls.note("put", *(placed.service.name for placed in services), *removed)
        for index in removed:
            self.services.pop(index, None)
        self.services.update({placed.index: placed for placed in services})
        return len(services) + len(removed)

    def reset_backend(self, number: int, /) -> None:
        self._calls.note("reset_backend", number)

    def reset_service(self, index: int, /) -> None:
        self._calls.note("reset_service", index)

    def second(self) -> None:
        self._on_second()
