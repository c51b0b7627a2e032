"""The guard's maps: what each service's guard does, the keys, and the sources that are proven."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from accel.datapath.guard.actions import OFF, Level, Rule, Stance
from accel.datapath.layout import CONSTANTS, ticks_per_second
from accel.datapath.maps import MapSet

_WORDS = 8  # of struct guard
_GENERATIONS = CONSTANTS["KEY_GENERATIONS"]
Key = tuple[int, int]
"""A SipHash key: two words of 64 bits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardKeys:
    """Keys of `generation` and of the three before and after it, by generation modulo 4."""

    generation: int
    challenge: tuple[Key, ...]
    cookie: tuple[Key, ...]


def random_keys() -> GuardKeys:
    """For a data path that nobody has given any."""

    def draw() -> Key:
        return secrets.randbits(64), secrets.randbits(64)

    return GuardKeys(
        generation=0,
        challenge=tuple(draw() for _ in range(_GENERATIONS)),
        cookie=tuple(draw() for _ in range(_GENERATIONS)),
    )


class Guards:
    """The memory of `guards` and `guard_keys`; an entry's number is its service's index."""

    def __init__(self, maps: MapSet) -> None:
        self._rows = maps.words("guards").reshape(-1, _WORDS)
        self._keys = maps.words("guard_keys")
        if not maps.adopted:
            self.set_keys(random_keys())

    def number(self, index: int) -> int:
        """What an entry of `services` says: `index`, or 0 if nothing is to be looked at."""
        return index if self._rows[index, 0] else 0

    def level(self, index: int, rule: Rule) -> Level:
        """That of one rule now."""
        return Level(int(self._rows[index].view(np.uint8)[rule]))

    def set(self, stances: Mapping[int, Stance]) -> None:
        """Write what they do. The levels are in the first word, which goes last."""
        for index, stance in stances.items():
            words = (OFF if stance.idle else stance).words(ticks_per_second())
            self._rows[index, 1:] = words[1:]
            self._rows[index, 0] = words[0]

    def drop(self, indices: Collection[int]) -> None:
        """These services are gone."""
        self._rows[list(indices), 0] = 0

    def keep(self, indices: Collection[int]) -> None:
        """All others are gone."""
        self.drop(set(map(int, np.flatnonzero(self._rows[:, 0]))) - set(indices))

    def set_keys(self, keys: GuardKeys) -> None:
        """The keys first, and then which of them is the current one."""
        words = [word for key in (*keys.challenge, *keys.cookie) for word in key]
        self._keys[: len(words)] = words
        self._keys[len(words)] = struct.unpack("=Q", struct.pack("=II", keys.generation, 0))[0]
