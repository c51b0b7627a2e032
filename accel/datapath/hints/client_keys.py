"""Clients as hints know them: leading bits of an address, as many as the service says."""

from __future__ import annotations

import numpy as np

from accel.datapath.encode import Words
from accel.datapath.prefix_bits import cut_off, prefix_hash
from accel.model.hints import UNHINTED

_ALL = np.array([(1 << 64) - 1], np.uint64)
_BITS, _V4 = np.uint64(32), np.uint64(0xFFFF)


class ClientKeys:
    """The lengths of all services' keys by index, and the hash that the data path finds them by."""

    def __init__(self, flow_keys: Words, services: int) -> None:
        self._flow_keys = flow_keys
        # What is left of an address: of IPv4 the lower half, of IPv6 both.
        self._four, self._high, self._low = (np.zeros(services, np.uint64) for _ in range(3))
        for index in range(services):
            self.set(index, UNHINTED.key4, UNHINTED.key6)

    def set(self, index: int, key4: int, key6: int) -> bool:
        """Bits of an IPv4 and of an IPv6 address that make a client. Whether others did before."""
        _, four = cut_off(_ALL, _ALL, 32 - key4)
        high, low = cut_off(_ALL, _ALL, 128 - key6)
        new = (int(four[0]), int(high[0]), int(low[0]))
        old = tuple(int(kept[index]) for kept in (self._four, self._high, self._low))
        self._four[index], self._high[index], self._low[index] = new
        return new != old

    def hash(self, indices: Words, high: Words, low: Words) -> Words:
        """Of clients of these services; one index may stand for all."""
        at = indices.astype(np.int64)
        is_v4 = (high == 0) & (low >> _BITS == _V4)
        kept_high = np.where(is_v4, _ALL, self._high[at])
        kept_low = np.where(is_v4, self._four[at], self._low[at])
        hashes = prefix_hash(self._flow_keys, high & kept_high, low & kept_low, indices)
        # client_hash() of bpf/hints/base_choice.h
        turned: Words = hashes << _BITS | hashes >> _BITS
        return turned

    def of_service(self, index: int, high: Words, low: Words) -> Words:
        """Of clients of one service."""
        return self.hash(np.array([index], np.uint64), high, low)
