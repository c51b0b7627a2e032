"""The map of services: a hash table of buckets of two, where an entry has two possible buckets.

A lookup then reads one cache line, or two at the worst. User space does the moving (cuckoo
hashing: R. Pagh and F. Rodler, 2001): an entry is copied to its other bucket before it is taken
from the first, so no packet misses it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from accel.datapath.encode import Words
from accel.ebpf.source import read_constants
from accel.errors import CapacityError

_SERVICE = read_constants("steering/service.h")
_FACTORS = (_SERVICE["SERVICE_FACTOR_0"], _SERVICE["SERVICE_FACTOR_1"])
_SHIFTS = (_SERVICE["SERVICE_FIRST_SHIFT"], _SERVICE["SERVICE_SECOND_SHIFT"])
_U64 = (1 << 64) - 1
_ENTRIES = 2
_KEY = struct.Struct("=QQI")  # image.service_key
_WHAT, _RING = 2, 3  # the word with port, protocol, used, index and guard; the ring word
_MOVES = 6  # how many entries may have to move for a new one

Slot = tuple[int, int]


class ServiceTable:
    """The memory of the map `services`: for each image.service_key an index, a guard, a ring."""

    def __init__(self, words: Words) -> None:
        self._entries = words.reshape(-1, _ENTRIES, 4)
        self._mask = len(self._entries) - 1

    def items(self) -> Iterator[tuple[bytes, tuple[int, int]]]:
        """All keys; the index and the ring word of each."""
        for slot in zip(*self._entries[:, :, _WHAT].nonzero(), strict=True):
            yield self._key(slot), self._value(slot)

    def ring(self, key: bytes) -> int:
        """The ring word of `key`, 0 if there is none."""
        slot = self._find(key)
        return 0 if slot is None else self._value(slot)[1]

    def put(self, key: bytes, index: int, ring: int = 0, guard: int = 0) -> int:
        """Set what `key` leads to. Returns 1 if that was a change. Raises CapacityError."""
        low, high, what = _KEY.unpack(key)
        slot = self._find(key)
        if slot is None:
            slot = self._room_for(key)
            if slot is None:
                raise CapacityError(
                    "services", needed=1, limit=len(self._entries), option="--max-services"
                )
            self._entries[slot][:_WHAT] = low, high
        word = guard << 48 | index << 32 | what
        if int(self._entries[slot][_WHAT]) == word and int(self._entries[slot][_RING]) == ring:
            return 0
        self._entries[slot][_RING] = ring
        self._entries[slot][_WHAT] = word
        return 1

    def guard(self, key: bytes) -> int:
        """Which guard looks at the packets of `key`, 0 for none."""
        slot = self._find(key)
        return 0 if slot is None else int(self._entries[slot][_WHAT]) >> 48

    def set_guard(self, key: bytes, guard: int) -> int:
        """1 if that was a change; 0 also if there is no `key`."""
        slot = self._find(key)
        if slot is None or self.guard(key) == guard:
            return 0
        self._entries[slot][_WHAT] = int(self._entries[slot][_WHAT]) & (1 << 48) - 1 | guard << 48
        return 1

    def remove(self, key: bytes) -> int:
        """1 if `key` was there."""
        slot = self._find(key)
        if slot is None:
            return 0
        self._entries[slot][_WHAT] = 0
        return 1

    def _value(self, slot: Slot) -> tuple[int, int]:
        return int(self._entries[slot][_WHAT]) >> 32 & 0xFFFF, int(self._entries[slot][_RING])

    def _buckets(self, key: bytes) -> tuple[int, int]:
        low, high, what = _KEY.unpack(key)
        turned = high >> 32 | (high << 32 & _U64)
        hash_ = ((low ^ turned) + what * _FACTORS[1]) * _FACTORS[0] & _U64
        hash_ = (hash_ ^ hash_ >> 32) * _FACTORS[1] & _U64
        return hash_ >> _SHIFTS[0] & self._mask, hash_ >> _SHIFTS[1] & self._mask

    def _key(self, slot: Slot) -> bytes:
        low, high, word = (int(w) for w in self._entries[slot][: _WHAT + 1])
        return _KEY.pack(low, high, word & 0xFFFFFFFF)

    def _find(self, key: bytes) -> Slot | None:
        for bucket in self._buckets(key):
            for slot in ((bucket, 0), (bucket, 1)):
                if self._entries[slot][_WHAT] and self._key(slot) == key:
                    return slot
        return None

    def _room_for(self, key: bytes) -> Slot | None:
        """A free slot for `key`; others are moved out of the way only if they have to be."""
        for moves in (0, _MOVES):
            for bucket in self._buckets(key):
                slot = self._room_in(bucket, moves, frozenset())
                if slot is not None:
                    return slot
        return None

    def _room_in(self, bucket: int, moves: int, passed: frozenset[int]) -> Slot | None:
        """A slot of `bucket` that is free, or made so by moving its entry to its other bucket."""
        slots = [(bucket, i) for i in range(_ENTRIES)]
        for slot in slots:
            if not self._entries[slot][_WHAT]:
                return slot
        passed |= {bucket}
        for slot in slots if moves else []:
            for other in set(self._buckets(self._key(slot))) - passed:
                room = self._room_in(other, moves - 1, passed)
                if room is not None:
                    for word in (0, 1, _RING, _WHAT):
                        self._entries[room][word] = self._entries[slot][word]
                    self._entries[slot][_WHAT] = 0
                    return slot
        return None
