"""Rows of the log of hints, and how many clients go in one and come out again. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accel.datapath.encode import Words
from accel.model.prefix import Network
from accel.model.prefix_columns import V4, network_at, number

_PREFIX = 17  # bytes: an address of 128 bits, and how many of them count
_MAPPED = np.uint64(0xFFFF)
_HALF = np.uint64(32)


class Said(enum.IntEnum):
    """What a row says."""

    SET = 0
    REMOVED = 1
    BACKEND_GONE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One thing that is said of many clients.

    `until` and `end` are seconds since 1970: when hints end unless they are used, and in any case.
    `times` has both for each, as 32 bits, if they differ. The columns are packed: IPv4, IPv6,
    prefixes; times are in this order.
    """

    said: Said
    service: str
    backend: str = ""
    caller: str = ""
    require: bool = False
    until: int = 0
    end: int = 0
    times: bytes = b""
    ipv4: bytes = b""
    ipv6: bytes = b""
    prefixes: bytes = b""

    @property
    def entries(self) -> int:
        """How many clients and prefixes."""
        return len(self.ipv4) // 4 + len(self.ipv6) // 16 + len(self.prefixes) // _PREFIX


def pack(high: Words, low: Words) -> tuple[bytes, bytes, np.ndarray]:
    """Addresses of IPv4 and of IPv6, packed; and their order there."""
    is_v4 = (high == 0) & (low >> _HALF == _MAPPED)
    four, six = np.flatnonzero(is_v4), np.flatnonzero(~is_v4)
    halves = np.empty((len(six), 2), ">u8")
    halves[:, 0], halves[:, 1] = high[six], low[six]
    ipv4 = (low[four] & np.uint64(0xFFFFFFFF)).astype(">u4").tobytes()
    return ipv4, halves.tobytes(), np.concatenate((four, six))


def unpack(packed: bytes | memoryview, size: int) -> tuple[Words, Words]:
    """Both halves of addresses that have four bytes each, or sixteen."""
    if size == 4:
        low = np.frombuffer(packed, ">u4").astype(np.uint64)
        return np.zeros(len(low), np.uint64), low | np.uint64(V4)
    halves = np.frombuffer(packed, ">u8").reshape(-1, 2).astype(np.uint64)
    return halves[:, 0].copy(), halves[:, 1].copy()


def clients_of(row: Row) -> tuple[Words, Words]:
    """Both halves of the addresses of a row's clients."""
    (high4, low4), (high6, low6) = unpack(row.ipv4, 4), unpack(row.ipv6, 16)
    return np.concatenate((high4, high6)), np.concatenate((low4, low6))


def pack_prefixes(networks: Sequence[Network]) -> bytes:
    """Prefixes one behind the other."""
    packed = bytearray()
    for network in networks:
        packed += number(network).to_bytes(16, "big")
        packed.append(network.prefixlen + (96 if network.version == 4 else 0))
    return bytes(packed)


def unpack_prefixes(packed: bytes) -> Iterator[Network]:
    """The other way round."""
    for i in range(0, len(packed), _PREFIX):
        yield network_at(int.from_bytes(packed[i : i + 16], "big"), 128 - packed[i + 16])


def times(row: Row) -> tuple[Words, Words]:
    """When each of a row's clients and prefixes ends, in its order."""
    if not row.times:
        return (
            np.full(row.entries, row.until, np.uint64),
            np.full(row.entries, row.end, np.uint64),
        )
    pairs = np.frombuffer(row.times, "<u4").reshape(-1, 2).astype(np.uint64)
    return pairs[:, 0], pairs[:, 1]


def pack_times(until: Words, end: Words) -> bytes:
    """As `times` reads them."""
    pairs = np.empty((len(until), 2), "<u4")
    pairs[:, 0], pairs[:, 1] = until, end
    return pairs.tobytes()
