"""The ring of a service: which backend has which slot.

Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer",
NSDI 2016, section 3.4) with weights. Every backend has a permutation of the slots that follows
from its name alone. Backends claim slots in turn, each the first free one of its permutation.

Two things go beyond the paper, for weights:

* A backend gets exactly its share of the slots, rounded by largest remainder: its *quota*.
* Its k-th claim is served at time (2k + 1) / weight, so that a backend of double weight claims
  twice as often. No claim's time depends on another backend, which keeps the ring stable when
  one comes or goes. Equal weights give the rounds of the paper.

Nothing depends on the order in which the names are given: gateways that list the same backends
in another order steer the same client to the same name. docs/ring.md has the measurements.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from accel.errors import InvalidError
from accel.model.ring_size import is_prime

try:
    from accel.datapath.steering import _maglev
except ImportError:  # installed where there is no C compiler
    _maglev = None  # type: ignore[assignment]
    logging.getLogger(__name__).warning(
        "rings are built in Python, about 100 times slower: install a C compiler and the "
        "headers of Python, then install accel-gateway again"
    )

Ring = NDArray[np.uint16]

MAX_BACKENDS = 65536  # of one ring: its elements are 16 bits wide
_TIME_SHIFT = 16  # fraction bits of a claim's time; _maglev.c has the same


def build(names: Sequence[str], weights: Sequence[int], size: int) -> Ring:
    """Return the position in `names` of the backend of each of `size` slots.

    `names` must not be empty and should be unique, `weights` are 1 to 65535, `size` is a prime.
    With more backends than slots the last few by weight have none. Raises InvalidError.
    """
    if _maglev is None:
        return build_reference(names, weights, size)
    _check(names, weights, size)
    digests = [_digest(name) for name in names]
    order = sorted(range(len(names)), key=digests.__getitem__)
    hashes = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)[order]
    weight = np.array(weights, np.int64)[order]
    share = weight * size
    quota = share // weight.sum()
    missing = size - int(quota.sum())
    quota[np.argsort(-(share % weight.sum()), kind="stable")[:missing]] += 1
    claimants = np.empty((len(names), 5), np.uint32)  # struct claimant in _maglev.c
    claimants[:, 0] = order
    claimants[:, 1] = weight
    claimants[:, 2] = quota
    claimants[:, 3] = hashes[:, 0] % size
    claimants[:, 4] = hashes[:, 1] % (size - 1) + 1
    ring = np.empty(size, np.uint16)
    _maglev.fill(claimants, ring)
    return ring


def build_reference(names: Sequence[str], weights: Sequence[int], size: int) -> Ring:
    """What `build` computes, in plain Python: its oracle, and its fallback without a compiler."""
    _check(names, weights, size)
    order = sorted(range(len(names)), key=lambda i: _digest(names[i]))
    total = sum(weights)
    quota = {i: weights[i] * size // total for i in order}
    by_remainder = sorted(order, key=lambda i: -(weights[i] * size % total))
    for i in by_remainder[: size - sum(quota.values())]:
        quota[i] += 1
    claims = sorted(
        (((2 * k + 1) << _TIME_SHIFT) // weights[i], rank, i)
        for rank, i in enumerate(order)
        for k in range(quota[i])
    )
    cursor = {i: int.from_bytes(_digest(names[i])[:8], "little") % size for i in order}
    skip = {i: int.from_bytes(_digest(names[i])[8:], "little") % (size - 1) + 1 for i in order}
    ring: list[int | None] = [None] * size
    for _, _, i in claims:
        while ring[cursor[i]] is not None:
            cursor[i] = (cursor[i] + skip[i]) % size
        ring[cursor[i]] = i
    return np.array(ring, np.uint16)


@lru_cache(maxsize=MAX_BACKENDS)
def _digest(name: str) -> bytes:
    """Two 64-bit hashes of a name. No key: all gateways must agree."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def _check(names: Sequence[str], weights: Sequence[int], size: int) -> None:
    if not 1 <= len(names) <= MAX_BACKENDS:
        raise InvalidError("names", f"{len(names)} backends are not from 1 to {MAX_BACKENDS}")
    if len(weights) != len(names):
        raise InvalidError("weights", f"{len(weights)} weights for {len(names)} backends")
    if not 1 <= min(weights) <= max(weights) <= 65535:
        raise InvalidError("weights", "a weight is not from 1 to 65535")
    if size < 3 or not is_prime(size):
        raise InvalidError("size", f"{size} is not a prime from 3 up")
