"""The reference model's hashing: multilinear in pairs (D. Lemire and O. Kaser, 2014)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio
# The fraction of pi, in 64-bit words: the same ring in every gateway.
PI = (
    0x243F6A8885A308D3,
    0x13198A2E03707344,
    0xA4093822299F31D0,
    0x082EFA98EC4E6C89,
    0x452821E638D01377,
    0xBE5466CF34E90C6C,
    0xC0AC29B7C97C50DD,
)


def multilinear(key: Sequence[int], client: bytes, ports: tuple[bytes, bytes], last: int) -> int:
    """32 bits of the client's address (IPv4 as ::ffff:a.b.c.d), both ports, and one thing more.

    The words are those of a little-endian host, on every host: gateways must agree.
    """
    address = client if len(client) == 16 else bytes(10) + b"\xff\xff" + client
    a, b, c, d = struct.unpack("<4I", address)
    source, destination = struct.unpack("<2H", ports[0] + ports[1])
    total: int = key[0] + (key[1] + a) * (key[2] + b) + (key[3] + c) * (key[4] + d)
    total += (key[5] + (source << 16 | destination)) * (key[6] + last)
    return (total & MASK) >> 32


def ring_hash(client: bytes, ports: tuple[bytes, bytes], protocol: int) -> int:
    """What chooses a slot."""
    return multilinear(PI, client, ports, protocol)


def mixed(hashed: int) -> int:
    """Spread once more: what is linear in a port must not fill few buckets only."""
    return ((hashed ^ hashed >> 15) * GOLDEN & MASK) >> 32
