"""Leading bits of addresses, by the column, and the hash that the data path finds them by."""

from __future__ import annotations

import numpy as np

from accel.image import Words
from accel.source import read_constants

_MIX = np.uint64(read_constants("hash.h")["FLOW_KEY_MIX"])
_U32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def cut_off(high: Words, low: Words, count: int) -> tuple[Words, Words]:
    """Both halves without the lowest `count` bits, as bpf/leading.h has it."""
    if count >= 64:
        left = 128 - count
        mask = np.uint64((1 << 64) - (1 << (64 - left)) if left else 0)
        return high & mask, low & np.uint64(0)
    return high, low & np.uint64((1 << 64) - (1 << count))


def prefix_hash(keys: Words, high: Words, low: Words, last: Words) -> Words:
    """prefix_hash() of bpf/leading.h: `keys` are the two rows of seven flow keys."""
    sums = [
        key[0]
        + (key[1] + (high >> _HALF)) * (key[2] + (high & _U32))
        + (key[3] + (low >> _HALF)) * (key[4] + (low & _U32))
        + (key[5] + last) * key[6]
        for key in keys
    ]
    mixed = (sums[0] & ~_U32) | (sums[1] >> _HALF)
    result: Words = (mixed ^ mixed >> _HALF) * _MIX
    return result
