"""How sure a difference between two groups is: intervals that have the true one in 95 of 100 cases.

Proportions: R. G. Newcombe, "Interval estimation for the difference between independent
proportions", Statistics in Medicine 17 (1998), method 10: hybrid score. Means: B. L. Welch, "The
generalization of Student's problem when several different population variances are involved",
Biometrika 34 (1947).
Pure; Python's standard library has no quantiles of Student's t, so they are here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from statistics import NormalDist

CONFIDENCE = 0.95
KEPT = 1024  # values that quantiles are told from
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_NORMAL = 1e6  # degrees of freedom from which on t is as good as normal
_TINY = 1e-300


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Of a measure between two groups; `low` and `high` are None with too few values."""

    difference: float
    low: float | None = None
    high: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether there is one at all."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(kw_only=True, slots=True)
class Values:
    """Count, mean and variance of all values (Welford), and a reservoir of KEPT of them (Vitter's
    algorithm R): the memory is bounded whatever comes."""

    count: int = 0
    mean: float = 0.0
    _squares: float = 0.0
    _kept: list[float] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(1))

    def add(self, value: float) -> None:
        self.count += 1
        off = value - self.mean
        self.mean += off / self.count
        self._squares += off * (value - self.mean)
        if len(self._kept) < KEPT:
            self._kept.append(value)
        elif (place := self._random.randrange(self.count)) < KEPT:
            self._kept[place] = value

    @property
    def variance(self) -> float:
        """Of the population, as estimated from these."""
        return self._squares / (self.count - 1) if self.count > 1 else 0.0

    def quantile(self, share: float) -> float:
        """What `share` (0 to 1) of the values are below; 0 without any."""
        if not self._kept:
            return 0.0
        ordered = sorted(self._kept)
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def of_proportions(ones: int, of: int, other_ones: int, other_of: int) -> Difference:
    """The first less the second; 0 for a group of none."""
    p, q = (ones / of if of else 0.0), (other_ones / other_of if other_of else 0.0)
    if not of or not other_of:
        return Difference(difference=p - q)
    low, high = wilson(ones, of)
    other_low, other_high = wilson(other_ones, other_of)
    return Difference(
        difference=p - q,
        low=p - q - math.hypot(p - low, other_high - q),
        high=p - q + math.hypot(high - p, q - other_low),
    )


def wilson(ones: int, of: int) -> tuple[float, float]:
    """The score interval of a proportion (E. B. Wilson, 1927)."""
    p, z2 = ones / of, _Z * _Z
    middle = (2 * ones + z2) / (2 * (of + z2))
    half = _Z * math.sqrt(z2 + 4 * ones * (1 - p)) / (2 * (of + z2))
    return max(0.0, middle - half), min(1.0, middle + half)


def of_means(values: Values, other: Values) -> Difference:
    """The first less the second."""
    difference = values.mean - other.mean
    if min(values.count, other.count) < 2:
        return Difference(difference=difference)
    a, b = values.variance / values.count, other.variance / other.count
    freedom = _NORMAL
    if a + b > 0:
        freedom = (a + b) ** 2 / (a * a / (values.count - 1) + b * b / (other.count - 1))
    half = t_quantile((1 + CONFIDENCE) / 2, freedom) * math.sqrt(a + b)
    return Difference(difference=difference, low=difference - half, high=difference + half)


def t_quantile(share: float, freedom: float) -> float:
    """What `share` (above 0.5) of Student's t with so many degrees of freedom is below."""
    if freedom >= _NORMAL:
        return NormalDist().inv_cdf(share)
    low, high = 0.0, 1e6
    while high - low > 1e-10 * max(high, 1.0):
        middle = (low + high) / 2
        if _t_above(middle, freedom) > 1 - share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_above(t: float, freedom: float) -> float:
    """The share of Student's t above `t`, which is not negative."""
    return _beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    )
    # Lentz's method, as W. J. Thompson and A. R. Barnett changed it.
    fraction = c = 1.0
    d = 0.0
    for i in range(1, 10_000):
        m = i // 2
        term = (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            if i % 2 == 0
            else -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        )
        d = 1 / ((1 + term * d) or _TINY)
        c = (1 + term / c) or _TINY
        fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front / (a * fraction)
