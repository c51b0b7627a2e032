"""How full the maps are, and the memory that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel.datapath.maps import MapSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """Entries in use and possible, and the memory that the map takes in bytes."""

    map: str
    used: int
    limit: int
    bytes: int


def capacities(maps: MapSet, used: Mapping[str, int]) -> list[Capacity]:
    """Of each map that `used` has."""
    limits = maps.limits
    of_map = {
        "services": limits.services - 1,
        "backends": limits.backends - 1,
        "rings": limits.slots,
        "flows": maps.words("flows").size,
        "prefixes": limits.prefixes,
        "pushed": limits.hints,
        "counters": limits.services + limits.backends,
    }
    return [
        Capacity(map=name, used=count, limit=of_map[name], bytes=maps.memory(name))
        for name, count in used.items()
    ]
