"""The reference model's SipHash-1-3 (J.-P. Aumasson and D. J. Bernstein, 2012), and the number of a
challenge, which is made of it. tests/tools/test_siphash_model.py holds it against Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

MASK = (1 << 64) - 1
START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
IPV4_PREFIX = bytes(10) + b"\xff\xff"
NUMBER_BITS, GENERATION_BITS = 29, 30
Key = tuple[int, int]


def siphash(key: Key, blocks: Sequence[int]) -> int:
    """Over whole blocks of 64 bits, the last of which would have the length in its upper byte."""
    v = [START[i] ^ key[i % 2] for i in range(4)]
    for block in blocks:
        v[3] ^= block
        _round(v)
        v[0] ^= block
    v[2] ^= 0xFF
    for _ in range(3):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & MASK
    v[1] = _turned(v[1], 13) ^ v[0]
    v[0] = _turned(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = _turned(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = _turned(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = _turned(v[1], 17) ^ v[2]
    v[2] = _turned(v[2], 32)


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & MASK


def challenge_number(
    keys: Sequence[Key], generation: int, source: bytes, destination: bytes, ports: bytes
) -> int:
    """What the challenge of a SYN acknowledges; `ports` are the four bytes of its header.

    The generation's two lowest bits, a bit that is spare, and 29 of the hash.
    """
    hashed = tuple_hash(keys[generation % 4], source, destination, ports)
    return generation % 4 << GENERATION_BITS | hashed % (1 << NUMBER_BITS)


def tuple_hash(
    key: Key, source: bytes, destination: bytes, ports: bytes, number: int = 0, bits: int = 0
) -> int:
    """Of an address pair (IPv4: the mapped addresses' lower halves, the upper ones say nothing)."""
    version = 4 if len(source) == 4 else 6
    pair = [a if version == 6 else IPV4_PREFIX + a for a in (source, destination)]
    halves = [_word(a[8:]) for a in pair] + ([_word(a[:8]) for a in pair] if version == 6 else [])
    first = number << 32 | _word(ports[:2]) << 16 | _word(ports[2:])
    return siphash(key, [first, *halves, bits << 8 | version])


def _word(data: bytes) -> int:
    """As this host reads it."""
    return int.from_bytes(data, sys.byteorder)
