"""The services that are placed, and what the map of services has for each of them."""

from __future__ import annotations

from collections.abc import Iterable

from accel.datapath import encode
from accel.datapath.maps import MapSet
from accel.datapath.steering.services_table import ServiceTable
from accel.model.placement import PlacedService


class Entries:
    """`placed` is by index. A service has two entries: its own, and one for its address as such."""

    def __init__(self, maps: MapSet) -> None:
        self.table = ServiceTable(maps.words("services"))
        self.placed: dict[int, PlacedService] = {}

    def mark(self, index: int, marked: int) -> None:
        """Let the entry of a service, if it is placed, bear its index with other marks."""
        if index in self.placed:
            key, _ = keys_of(self.placed[index])
            self.table.put(key, marked, self.table.ring(key), self.table.guard(key))


def keys_of(placed: PlacedService) -> tuple[bytes, bytes]:
    """The keys of both entries: the service's own first."""
    s = placed.service
    return encode.service_key(s.address, s.port, s.protocol), encode.service_key(s.address, 0, 0)


def all_keys(services: Iterable[PlacedService]) -> set[bytes]:
    """Those of all these services."""
    return {key for placed in services for key in keys_of(placed)}
