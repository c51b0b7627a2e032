"""Clients as a busy API has them: many behind the addresses of others, some behind very large ones.

half of the devices are at home          1 to 5 share an address
half are behind companies and carriers   10 of them to 15 % of all share an address, by a power
                                         law, as such sizes have it
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DEVICES = 20_000
RATE = 3_200  # new connections of all devices in each second
_BEHIND_NAT = 0.5
_AT_HOME = 5
_SMALLEST, _LARGEST, _EXPONENT = 10, 0.15, 0.8
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The address of each device, by its number, and the generator that draws who comes."""

    addresses: Numbers
    random: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> Mix:
        """Another one for each seed."""
        random = np.random.default_rng(seed)
        sizes = _sizes(random)
        return cls(addresses=np.repeat(np.arange(len(sizes)), sizes), random=random)

    def second(self) -> Numbers:
        """The devices that come in a second, in their order: each as likely as another."""
        return self.random.integers(0, len(self.addresses), RATE)


def _sizes(random: np.random.Generator) -> list[int]:
    """How many devices each address has."""
    sizes = []
    left = round(DEVICES * _BEHIND_NAT)
    span = 1 - (_SMALLEST / (_LARGEST * DEVICES)) ** _EXPONENT
    while left > 0:
        size = int(_SMALLEST * (1 - random.random() * span) ** (-1 / _EXPONENT))
        sizes.append(min(size, left))
        left -= sizes[-1]
    left = DEVICES - sum(sizes)
    while left > 0:
        sizes.append(min(int(random.integers(1, _AT_HOME + 1)), left))
        left -= sizes[-1]
    return sizes
