"""Prefixes by the column: a million of them as objects would take seconds and hundreds of MB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import numpy as np
import numpy.typing as npt

from accel.model.address import Address
from accel.model.prefix import Network

V4 = 0xFFFF << 32
"""IPv4 addresses are ::ffff:a.b.c.d (RFC 4291 2.5.5.2)."""
_LOW = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefixes:
    """Addresses of 128 bits in two halves, how many bits are cut off, and allowed or denied."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    cut: npt.NDArray[np.uint8]
    deny: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, entries: Iterable[tuple[Network, bool]]) -> Prefixes:
        """Networks, each with whether it is denied."""
        listed = list(entries)
        return cls.numbers(
            [number(network) for network, _ in listed],
            [network.max_prefixlen - network.prefixlen for network, _ in listed],
            [deny for _, deny in listed],
        )

    @classmethod
    def numbers(
        cls, addresses: Sequence[int], cuts: Sequence[int], deny: Sequence[bool]
    ) -> Prefixes:
        """From addresses of 128 bits."""
        return cls(
            high=np.array([a >> 64 for a in addresses], np.uint64),
            low=np.array([a & _LOW for a in addresses], np.uint64),
            cut=np.array(cuts, np.uint8),
            deny=np.array(deny, np.bool_),
        )

    def __len__(self) -> int:
        return len(self.cut)

    def __iter__(self) -> Iterator[tuple[Network, bool]]:
        for high, low, cut, deny in zip(
            self.high.tolist(),
            self.low.tolist(),
            self.cut.tolist(),
            self.deny.tolist(),
            strict=True,
        ):
            yield network_at(high << 64 | low, cut), deny

    def take(self, which: Any) -> Prefixes:
        """Those that an index of numpy names."""
        return Prefixes(
            high=self.high[which], low=self.low[which], cut=self.cut[which], deny=self.deny[which]
        )

    def same_as_next(self) -> npt.NDArray[np.bool_]:
        """Of each but the last, whether it is the same prefix as the one behind it."""
        result: npt.NDArray[np.bool_] = (
            (self.high[:-1] == self.high[1:])
            & (self.low[:-1] == self.low[1:])
            & (self.cut[:-1] == self.cut[1:])
        )
        return result

    def has_more_bits(self) -> npt.NDArray[np.bool_]:
        """Whether something is left of what is cut off."""
        cut, one, all_ = self.cut.astype(np.int64), np.uint64(1), np.uint64(_LOW)
        below = (one << np.minimum(cut, 63).astype(np.uint64)) - one
        above = (one << np.clip(cut - 64, 0, 63).astype(np.uint64)) - one
        low = np.where(cut < 64, below, all_)
        high = np.where(cut < 128, above, all_)
        result: npt.NDArray[np.bool_] = ((self.low & low) | (self.high & high)) != 0
        return result

    @property
    def is_v4(self) -> npt.NDArray[np.bool_]:
        """Which of them are of IPv4."""
        result: npt.NDArray[np.bool_] = (
            (self.high == 0) & (self.low >> np.uint64(32) == 0xFFFF) & (self.cut <= 32)
        )
        return result


def number(network: Network) -> int:
    """Its address as one of 128 bits."""
    value = int(network.network_address)
    return value | V4 if network.version == 4 else value


def network_at(address: int, cut: int) -> Network:
    """The other way round."""
    if address >> 32 == 0xFFFF and cut <= 32:
        return IPv4Network((address & 0xFFFFFFFF, 32 - cut))
    return IPv6Network((address, 128 - cut))


def network_of(address: Address, length: int | None = None) -> Network:
    """The prefix of that length, by default of one address, that has `address`."""
    kept = address.max_prefixlen if length is None else length
    return ip_network((address, kept), strict=False)
