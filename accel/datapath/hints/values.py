"""What goes into the maps of the hints and comes out of them, as values."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel.datapath.encode import Words
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.layout import CONSTANTS
from accel.model.address import Address
from accel.model.prefix_columns import network_of, number

_REQUIRE = CONSTANTS["HINT_REQUIRE"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A hint as the data path has it; `seconds` left, 0 if it is past its time."""

    number: int
    generation: int
    require: bool
    seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """New flows of a backend in the running second and how many there may be, and its warm budget;
    None without a bound, and without a budget that is believed now."""

    flows: int
    limit: int | None
    warm: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HintCounts:
    """New flows by what decided; hints learned and refreshed, and not learned under attack."""

    outcomes: Mapping[HintOutcome, int]
    learned: int
    refreshed: int
    unlearned: int


def halves(client: Address) -> tuple[Words, Words]:
    """The address as columns of one: 128 bits in two halves, IPv4 as ::ffff:a.b.c.d."""
    value = number(network_of(client))
    return np.array([value >> 64], np.uint64), np.array([value & (1 << 64) - 1], np.uint64)


def pair(first: int, second: int) -> int:
    """Two numbers of 32 bits, as they follow each other in a struct."""
    return int(struct.unpack("=Q", struct.pack("=II", first, second))[0])


def unpair(word: int) -> tuple[int, int]:
    """The two numbers again."""
    first, second = struct.unpack("=II", struct.pack("=Q", word))
    return first, second


def seen(word: int, times: int, now: int) -> Seen:
    """A hint as the maps have it, at the time `now`."""
    until, _ = unpair(times)
    return Seen(
        number=word >> 12 & 0x1FFFF,
        generation=word >> 4 & 0xFF,
        require=bool(word & _REQUIRE),
        seconds=max(0, until - now),
    )
