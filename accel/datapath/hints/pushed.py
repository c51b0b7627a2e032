"""Where pushed hints are in the data path: what is needed of it to keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from accel.datapath.encode import Words
from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.table import PRESENT, HintTable
from accel.datapath.layout import CONSTANTS

_REQUIRE = CONSTANTS["HINT_REQUIRE"]


class PrefixMap(Protocol):
    """Hints of prefixes by key (see prefix_hints.py); a value is a word and its times."""

    def put(self, key: bytes, value: bytes, /) -> None: ...
    def get(self, key: bytes, /) -> bytes | None: ...
    def remove(self, key: bytes, /) -> bool: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """`now` is the clock, in seconds, that hints end by."""

    table: HintTable
    keys: ClientKeys
    prefixes: PrefixMap
    now: Callable[[], int]


def word_of(number: int, generation: int, *, require: bool) -> int:
    """The lower half of a hint's word."""
    return number << 12 | generation << 4 | int(PRESENT) | (_REQUIRE if require else 0)


def times_of(until: Words, end: Words) -> Words:
    """Two columns of 32-bit seconds as they follow each other in a struct."""
    pairs = np.empty((len(until), 2), np.uint32)
    pairs[:, 0], pairs[:, 1] = until, end
    return pairs.view(np.uint64).reshape(-1)


def until_and_end(times: Words) -> tuple[Words, Words]:
    """The other way round, in 64 bits."""
    pairs = np.ascontiguousarray(times).view(np.uint32).reshape(-1, 2).astype(np.uint64)
    return pairs[:, 0], pairs[:, 1]
