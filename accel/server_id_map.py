"""The map of QUIC server ids: what is in it is known here, too, so that only what differs is
written."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from accel.keyed_hints import KeyedHints, index_of


class ServerIdMap:
    """Words of hints by key, for each service's index. What is adopted is read once."""

    def __init__(self, fd: int) -> None:
        self._map = KeyedHints(fd, option="--max-backends")
        self._known: dict[int, dict[bytes, bytes]] = {}
        for key, value in self._map.items():
            self._known.setdefault(index_of(key), {})[key] = value

    def set(self, index: int, wanted: Mapping[bytes, bytes]) -> int:
        """A service has these and no others. How many writes it took. Raises CapacityError."""
        known = self._known.get(index, {})
        stale = known.keys() - wanted.keys()
        for key in stale:
            self.remove(key)
        new = {key: value for key, value in wanted.items() if known.get(key) != value}
        for key, value in new.items():
            self.put(key, value)
        return len(stale) + len(new)

    def put(self, key: bytes, value: bytes) -> None:
        """Raises CapacityError."""
        self._map.put(key, value)
        self._known.setdefault(index_of(key), {})[key] = value

    def remove(self, key: bytes) -> bool:
        """Whether it was there."""
        self._known.get(index_of(key), {}).pop(key, None)
        return self._map.remove(key)

    def remove_where(self, wanted: Callable[[int, int], bool]) -> None:
        """Those whose service's index and word are wanted."""
        for index, of_service in self._known.items():
            for key, value in list(of_service.items()):
                if wanted(index, struct.unpack("=Q", value)[0]):
                    self.remove(key)
