"""Confidence intervals: against published values, and how often they have the true difference."""

from __future__ import annotations

import math
import random
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.model.results.confidence import (
    KEPT,
    Difference,
    Values,
    of_means,
    of_proportions,
    t_quantile,
)


# Newcombe 1998, table II, method 10 (a to h).
@pytest.mark.parametrize(
    ("ones", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_differences_of_proportions_as_published(
    ones: tuple[int, int, int, int], low: float, high: float
) -> None:
    found = of_proportions(*ones)
    a, n, b, m = ones
    assert found.difference == pytest.approx(a / n - b / m)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


# Quantiles of Student's t at 0.975, as any table has them.
@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980), (1e9, 1.960)],
)
def test_quantiles_of_student_t(freedom: float, t: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(t, abs=5e-4)


def values(of: list[float]) -> Values:
    found = Values()
    for value in of:
        found.add(value)
    return found


# Student 1908, the hours of sleep gained by two drugs, as two groups (R: t.test(extra ~ group)).
ONE = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
TWO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_a_difference_of_means_as_published() -> None:
    found = of_means(values(ONE), values(TWO))
    assert found.difference == pytest.approx(-1.58)
    assert found.low == pytest.approx(-3.3654832, abs=1e-6)
    assert found.high == pytest.approx(0.2054832, abs=1e-6)
    assert not found.is_sure


def covers(found: Difference, true: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= true <= found.high


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.97, 0.26, 600, 20), (0.5, 0.4, 50, 40)])
def test_proportions_cover_the_true_difference(p: float, q: float, n: int, m: int) -> None:
    chance, rounds = random.Random(5), 1000
    covered = sum(
        covers(
            of_proportions(
                sum(chance.random() < p for _ in range(n)),
                n,
                sum(chance.random() < q for _ in range(m)),
                m,
            ),
            p - q,
        )
        for _ in range(rounds)
    )
    assert 0.93 < covered / rounds < 0.98


@pytest.mark.parametrize(("n", "m"), [(400, 12), (40, 30)])
def test_means_cover_the_true_difference(n: int, m: int) -> None:
    chance, rounds = random.Random(7), 1000
    covered = sum(
        covers(
            of_means(
                values([chance.gauss(0.010, 0.001) for _ in range(n)]),
                values([chance.gauss(0.014, 0.005) for _ in range(m)]),
            ),
            -0.004,
        )
        for _ in range(rounds)
    )
    assert 0.93 < covered / rounds < 0.97


def test_without_two_values_nothing_is_sure() -> None:
    single = of_means(values([1.0]), values(TWO))
    assert single == Difference(difference=single.difference)
    assert single.difference == pytest.approx(1.0 - fmean(TWO))
    assert of_proportions(0, 0, 1, 2) == Difference(difference=-0.5)
    assert of_means(Values(), Values()).low is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_values_are_summed_up_right(of: list[float]) -> None:
    found = values(of)
    assert found.count == len(of)
    assert found.mean == pytest.approx(fmean(of), abs=1e-6)
    assert found.variance == pytest.approx(variance(of), rel=1e-6, abs=1e-3)
    assert found.quantile(0) == min(of)
    assert found.quantile(1) == max(of)


def test_quantiles_of_many_in_bounded_memory() -> None:
    many = values([float(i) for i in range(50 * KEPT)])
    assert len(many._kept) == KEPT
    spread = 4 / math.sqrt(KEPT)
    assert abs(many.quantile(0.5) / (50 * KEPT) - 0.5) < spread / 2
    assert abs(many.quantile(0.95) / (50 * KEPT) - 0.95) < spread / 4
