"""Sizes that a ring may have: primes within bounds (Maglev, NSDI 2016, 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

DEFAULT_RING_SIZE = 65537
RING_SIZES = (251, 131071)  # least and greatest


@lru_cache(maxsize=64)
def is_prime(n: int) -> bool:
    """Trial division: ring sizes are small."""
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def next_prime(n: int) -> int:
    """The least prime that is a ring size and not below `n`, or the greatest ring size."""
    search: Callable[[int], bool] = is_prime
    return next(
        (p for p in range(max(n, RING_SIZES[0]), RING_SIZES[1] + 1) if search(p)), RING_SIZES[1]
    )
