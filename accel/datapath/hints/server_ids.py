"""The map of QUIC server ids: what is in it is known here, too, so that only what differs is
written."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from accel.datapath.hints.prefix_hints import KeyedHints, index_of


class ServerIdMap:
    """Words of hints by key, for each service's index. What is adopted is read once."""

    def __init__(self, fd: int) -> None:
        self._map = KeyedHints(fd, option="--max-backends")
        self._known: dict[int, dict[bytes, bytes]] = {}
        for key, value in self._map.items():
            self._known.setdefault(index_of(key), {})[key] = value

    def set(self, wanted: Mapping[int, Mapping[bytes, bytes]]) -> int:
        """These services have these and no others. How many writes it took. Raises CapacityError.

        What is to go goes first: what comes has its room.
        """
        stale = [
            key
            for index, of in wanted.items()
            for key in self._known.get(index, {})
            if key not in of
        ]
        for key in stale:
            self._remove(key)
        new = [
            (index, key, value)
            for index, of in wanted.items()
            for key, value in of.items()
            if self._known.get(index, {}).get(key) != value
        ]
        for index, key, value in new:
            self._map.put(key, value)
            self._known.setdefault(index, {})[key] = value
        return len(stale) + len(new)

    def _remove(self, key: bytes) -> None:
        del self._known[index_of(key)][key]
        self._map.remove(key)

    def remove_where(self, wanted: Callable[[int, int], bool]) -> None:
        """Those whose service's index and word are wanted."""
        for index, of_service in self._known.items():
            for key, value in list(of_service.items()):
                if wanted(index, struct.unpack("=Q", value)[0]):
                    self._remove(key)
