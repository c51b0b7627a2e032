"""The reference model's clients of hints, and the base choice: of packet and configuration alone.

Written from docs/hints.md and what bpf/hints/base_choice.h says about itself. Sums are those of
hash_model.py, over an address's bits by their weight, so in network order, unlike those over whole
connections.
"""

from __future__ import annotations

from collections.abc import Sequence

from accel.model.hints import Affinity, Hints, ShardKey
from tests.model.hash_model import GOLDEN, MASK, PI, ring_hash

V4 = 0xFFFF << 32  # IPv4 addresses are ::ffff:a.b.c.d
NETWORK_CUT = {4: 8, 6: 80}  # a /24, and a /48
Ports = tuple[bytes, bytes]


def bits_of(address: bytes) -> int:
    """The address, as wire bytes, as a number of 128 bits."""
    number = int.from_bytes(address, "big")
    return V4 | number if len(address) == 4 else number


def client_of(address: bytes, hints: Hints) -> int:
    """What hints know a client by: so many leading bits of its address."""
    return _without(bits_of(address), _cut(address, hints))


def is_held_out(address: bytes, hints: Hints) -> bool:
    """Whether the client is of the group that hints are measured against."""
    share = min(round(hints.holdout / 100 * 2**32), 2**32 - 1)
    return _sum(PI, client_of(address, hints), 0) < share


def base_hash(
    address: bytes, ports: Ports, protocol: int, hints: Hints, *, held_out: bool = False
) -> int:
    """32 bits, by which the ring of a service is asked first."""
    whole = ring_hash(address, ports, protocol)
    if held_out:
        return whole
    last = int.from_bytes(ports[1], "little") << 8 | protocol
    if hints.shard.key is not ShardKey.NONE:
        key = {
            ShardKey.SOURCE: client_of(address, hints),
            ShardKey.PORT: int.from_bytes(ports[0], "little"),
        }.get(hints.shard.key, 0)
        return again(_sum(PI, key, last) + whole % hints.shard.size)
    if hints.affinity is Affinity.NONE:
        return whole
    bits = client_of(address, hints)
    if hints.affinity is Affinity.PREFIX:
        bits = _without(bits, NETWORK_CUT[4 if len(address) == 4 else 6])
    return _sum(PI, bits, last)


def again(hashed: int) -> int:
    """Another 32 bits, of the same."""
    return (hashed * GOLDEN & MASK) >> 32


def table_hash(keys: Sequence[int], client: int, index: int) -> tuple[int, int]:
    """Where this gateway keeps a client's hints: 32 bits that choose the place, and 32 of a tag."""
    hashed = _sum(keys[:7], client, index) << 32 | _sum(keys[7:], client, index)
    hashed = (hashed ^ hashed >> 32) * GOLDEN & MASK
    return hashed >> 32, hashed & 0xFFFFFFFF


def _sum(key: Sequence[int], bits: int, last: int) -> int:
    a, b, c, d = (bits >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0))
    total: int = key[0] + (key[1] + a) * (key[2] + b) + (key[3] + c) * (key[4] + d)
    return (total + (key[5] + last) * key[6] & MASK) >> 32


def _cut(address: bytes, hints: Hints) -> int:
    return 32 - hints.key4 if len(address) == 4 else 128 - hints.key6


def _without(bits: int, count: int) -> int:
    return bits >> count << count
