"""Which prefixes send what is not let through: a sketch of fixed size for each service.

The mergeable summary of Misra and Gries (Agarwal et al., "Mergeable summaries", PODS 2012), in
which counts fade: a prefix with more than 1/(SLOTS + 1) of the packets is in it whatever else a
flood sends, and its count is too low by that part of all at the most.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.datapath.samples import Samples, weights
from accel.model.address import Address
from accel.verdicts import Verdict

SLOTS = 64  # prefixes that one sketch has
SERVICES = 256  # sketches; the one that was added to longest ago makes room
AT_ONCE = 32  # services that one call looks at
LIFE = 10.0  # seconds in which a count fades to 1/e
_IPV4 = np.uint64(1 << 63)
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A prefix, /24 or /48, and the packets per second from it, of which `share` of all."""

    prefix: str
    packets: float
    share: float


class Sketch:
    """Counts by key that fade. Times in seconds. `top` may be called by another thread."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._total = 0.0
        # At which time, and the keys with their counts then: one value, never half changed.
        self._now: tuple[float, Keys, Floats] = (now, np.zeros(0, np.uint64), np.zeros(0))

    def add(self, keys: Keys, counts: Floats, now: float) -> None:
        """Count each of `keys` so many times."""
        at, known, before = self._now
        factor = _faded(now - at)
        self._total = self._total * factor + float(counts.sum())
        merged, where = np.unique(np.concatenate([known, keys]), return_inverse=True)
        added = np.concatenate([before * factor, counts])
        sums: Floats = np.bincount(where, added, len(merged)).astype(np.float64)
        if len(merged) > SLOTS:
            sums -= np.partition(sums, -SLOTS - 1)[-SLOTS - 1]
            merged, sums = merged[sums > 0], sums[sums > 0]
        self._now = (now, merged, sums)

    def top(self, most: int, now: float) -> list[Source]:
        """The prefixes with the most packets."""
        at, keys, counts = self._now
        total = max(self._total, 1e-9)
        # What a steady rate of 1 per second would have come to by now.
        seconds = LIFE * -math.expm1(-max(now - self._began, 0.1) / LIFE)
        rates = counts * (_faded(now - at) / seconds)
        best = np.argsort(-counts, kind="stable")[:most]
        return [
            Source(
                prefix=prefix_of(int(keys[i])),
                packets=float(rates[i]),
                share=min(1.0, float(counts[i]) / total),
            )
            for i in best
            if rates[i] >= 0.1
        ]

    def counts(self) -> dict[int, float]:
        """By key, as they were when something was added last."""
        _, keys, counts = self._now
        return dict(zip(keys.tolist(), counts.tolist(), strict=True))


def _faded(seconds: float) -> float:
    return math.exp(-max(seconds, 0.0) / LIFE)


class TopSources:
    """A sketch for each service that has samples, by its index."""

    def __init__(self) -> None:
        self._sketches: dict[int, Sketch] = {}

    def add(self, samples: Samples, now: float) -> None:
        """Of all services, those with the most samples if there are many of them at once.

        Answers to challenges are of real clients, and not counted.
        """
        samples = samples[samples["verdict"] != Verdict["PROVEN"]]
        keys, counts = keys_of(samples["source"]), weights(samples)
        services, many = np.unique(samples["service"], return_counts=True)
        for service in services[np.argsort(-many, kind="stable")[:AT_ONCE]]:
            of_it = samples["service"] == service
            sketch = self._sketches.pop(int(service), None) or Sketch(now)
            self._sketches[int(service)] = sketch
            sketch.add(keys[of_it], counts[of_it], now)
        for oldest in list(self._sketches)[: max(0, len(self._sketches) - SERVICES)]:
            del self._sketches[oldest]

    def forget(self, service: int) -> None:
        """That index is another service's from now on."""
        self._sketches.pop(service, None)

    def top(self, service: int, now: float, most: int = 5) -> list[Source]:
        """Of one service."""
        sketch = self._sketches.get(service)
        return sketch.top(most, now) if sketch else []


def keys_of(addresses: npt.NDArray[np.uint64]) -> Keys:
    """Prefixes as numbers, from rows of two 64-bit halves: of IPv4 the /24, else the /48."""
    high, low = addresses[:, 0].astype(np.uint64), addresses[:, 1].astype(np.uint64)
    mapped = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    network = (low & np.uint64(0xFFFFFFFF)) >> np.uint64(8)
    return np.where(mapped, network | _IPV4, high >> np.uint64(16))


def prefix_of(key: int) -> str:
    """As in 192.0.2.0/24 or 2001:db8:1::/48."""
    if key & int(_IPV4):
        return f"{ipaddress.IPv4Address((key ^ int(_IPV4)) << 8)}/24"
    return f"{ipaddress.IPv6Address(key << 80)}/48"


def address_of(halves: npt.NDArray[np.uint64]) -> Address:
    """An address of a sample: 128 bits, IPv4 as ::ffff:a.b.c.d."""
    found = ipaddress.IPv6Address(int(halves[0]) << 64 | int(halves[1]))
    return found.ipv4_mapped or found
