"""Leading bits of addresses, by the column, and the hash that the data path finds them by."""

from __future__ import annotations

import numpy as np

from accel.datapath.encode import Words
from accel.ebpf.source import read_constants

_HASH = read_constants("lib/hash.h")
_MIX = np.uint64(_HASH["FLOW_KEY_MIX"])
_RING_KEY = np.array([_HASH[f"RING_KEY_{i}"] for i in range(7)], np.uint64)
_U32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def cut_off(high: Words, low: Words, count: int) -> tuple[Words, Words]:
    """Both halves without the lowest `count` bits, as bpf/lib/prefix_bits.h has it."""
    if count >= 64:
        left = 128 - count
        mask = np.uint64((1 << 64) - (1 << (64 - left)) if left else 0)
        return high & mask, low & np.uint64(0)
    return high, low & np.uint64((1 << 64) - (1 << count))


def ring_sum(high: Words, low: Words, last: int = 0) -> Words:
    """The lower half of PREFIX_SUM() of bpf/lib/prefix_bits.h with the keys of all gateways."""
    return _sum(_RING_KEY, high, low, np.array([last], np.uint64)) >> _HALF


def _sum(key: Words, high: Words, low: Words, last: Words) -> Words:
    result: Words = (
        key[0]
        + (key[1] + (high >> _HALF)) * (key[2] + (high & _U32))
        + (key[3] + (low >> _HALF)) * (key[4] + (low & _U32))
        + (key[5] + last) * key[6]
    )
    return result


def prefix_hash(keys: Words, high: Words, low: Words, last: Words) -> Words:
    """prefix_hash() of bpf/lib/prefix_bits.h: `keys` are the two rows of seven flow keys."""
    sums = [_sum(key, high, low, last) for key in keys]
    mixed = (sums[0] & ~_U32) | (sums[1] >> _HALF)
    result: Words = (mixed ^ mixed >> _HALF) * _MIX
    return result
