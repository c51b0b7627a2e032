"""The ring: equal to its plain twin, balanced, stable, and the same on every gateway.

Needs the compiled loop (pip install --no-build-isolation -e .), or the twin would be compared
with itself.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.datapath.steering import _maglev, maglev
from accel.errors import InvalidError
from accel.model.ring_size import is_prime

SIZE = 65537
PRIMES = [n for n in range(3, 2100) if is_prime(n)]

names_of = st.lists(st.text("abcdef-0123456789", min_size=1), min_size=1, max_size=60, unique=True)
weight_of = st.one_of(st.integers(1, 65535), st.integers(1, 5), st.just(100))


@st.composite
def pools(draw: st.DrawFn) -> tuple[list[str], list[int], int]:
    names = draw(names_of)
    weights = draw(st.lists(weight_of, min_size=len(names), max_size=len(names)))
    return names, weights, draw(st.sampled_from(PRIMES))


def pool(count: int) -> list[str]:
    return [f"api-{i}" for i in range(count)]


def named(ring: maglev.Ring, names: list[str]) -> list[str]:
    return [names[i] for i in ring]


def counts(ring: maglev.Ring, count: int) -> np.ndarray:
    return np.bincount(ring, minlength=count)


@given(pools())
def test_equals_the_twin(given_pool: tuple[list[str], list[int], int]) -> None:
    ring = maglev.build(*given_pool)
    assert ring.dtype == np.uint16
    np.testing.assert_array_equal(ring, maglev.build_reference(*given_pool))


@pytest.mark.parametrize(
    "weights",
    [[100] * 100, list(range(1, 101)), [65535] + [1] * 99, [1], [65535, 65534], [3] * 1000],
    ids=["equal", "rising", "one heavy", "alone", "nearly equal", "thousand"],
)
def test_equals_the_twin_at_the_default_size(weights: list[int]) -> None:
    names = pool(len(weights))
    np.testing.assert_array_equal(
        maglev.build(names, weights, SIZE), maglev.build_reference(names, weights, SIZE)
    )


def test_without_a_compiler_the_twin_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = maglev.build(["a", "b", "c"], [1, 2, 3], 251)
    monkeypatch.setattr(maglev, "_maglev", None)
    np.testing.assert_array_equal(maglev.build(["a", "b", "c"], [1, 2, 3], 251), expected)


def test_a_ring_stays_what_it_was() -> None:
    """Gateways of different versions must agree: a change here is a change for every client."""
    ring = maglev.build(["a", "b", "c"], [1, 2, 3], 31)
    assert "".join(named(ring, ["a", "b", "c"])) == "cbcbaccbcaabcccbccccbaccbbcbabc"


@given(pools())
def test_each_backend_has_its_share_within_one_slot(
    given_pool: tuple[list[str], list[int], int],
) -> None:
    names, weights, size = given_pool
    share = np.array(weights) * size / sum(weights)
    assert np.all(np.abs(counts(maglev.build(*given_pool), len(names)) - share) < 1)


@pytest.mark.parametrize("count", [2, 10, 100, 500])
def test_balance_within_one_percent_of_the_weights(count: int) -> None:
    weights = [(50, 100, 100, 150)[i % 4] for i in range(count)]
    share = np.array(weights) * SIZE / sum(weights)
    off = np.abs(counts(maglev.build(pool(count), weights, SIZE), count) - share)
    assert np.all(off <= np.maximum(share * 0.01, 1))


@given(pools(), st.randoms())
def test_gateways_that_list_backends_in_another_order_agree(
    given_pool: tuple[list[str], list[int], int], random: object
) -> None:
    names, weights, size = given_pool
    order = list(range(len(names)))
    random.shuffle(order)  # type: ignore[attr-defined]
    other_names = [names[i] for i in order]
    other = maglev.build(other_names, [weights[i] for i in order], size)
    assert named(other, other_names) == named(maglev.build(names, weights, size), names)


def moved_without(names: list[str], weights: list[int], gone: int) -> tuple[int, int]:
    """How many slots change when backend `gone` goes, and how many of them were its own."""
    before = maglev.build(names, weights, SIZE)
    rest = maglev.build(
        names[:gone] + names[gone + 1 :], weights[:gone] + weights[gone + 1 :], SIZE
    )
    after = rest + (rest >= gone)
    return int(np.sum(before != after)), int(np.sum(before == gone))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([1, 50, 100, 200, 1000]), min_size=2, max_size=300),
    st.integers(0, 299),
)
def test_a_backend_that_goes_moves_little_more_than_its_share(
    weights: list[int], gone: int
) -> None:
    """The bound of docs/ring.md: its own slots, half as many again, and 1 % of the ring."""
    moved, own = moved_without(pool(len(weights)), weights, gone % len(weights))
    assert own <= moved <= 1.5 * own + 0.01 * SIZE


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_a_backend_of_equal_weight_that_goes(count: int) -> None:
    for gone in range(0, count, count // 5):
        moved, own = moved_without(pool(count), [100] * count, gone)
        assert moved - own <= 0.01 * SIZE


def test_a_small_change_of_one_weight_moves_little() -> None:
    names = pool(50)
    before = maglev.build(names, [100] * 50, SIZE)
    after = maglev.build(names, [110] + [100] * 49, SIZE)
    assert np.sum(before != after) <= 0.02 * SIZE


def test_more_backends_than_slots() -> None:
    ring = maglev.build(pool(400), [100] * 400, 251)
    assert len(set(ring.tolist())) == 251


@pytest.mark.parametrize(
    ("names", "weights", "size", "field"),
    [
        ([], [], 251, "names"),
        (["a"], [1, 2], 251, "weights"),
        (["a"], [0], 251, "weights"),
        (["a"], [65536], 251, "weights"),
        (["a"], [1], 252, "size"),
        (["a"], [1], 2, "size"),
    ],
)
def test_refused(names: list[str], weights: list[int], size: int, field: str) -> None:
    for builder in (maglev.build, maglev.build_reference):
        with pytest.raises(InvalidError) as caught:
            builder(names, weights, size)
        assert caught.value.field == field


def test_the_compiled_loop_refuses_what_would_not_end_or_fit() -> None:
    """It checks by itself: a wrong quota would write outside, a wrong skip would never end."""
    good = [0, 1, 251, 250, 1]  # local, weight, quota, cursor, skip
    for column, value in itertools.product(range(1, 5), (0, 251, 252)):
        row = list(good)
        row[column] = value
        fits = row[1] >= 1 and row[2] == 251 and row[3] < 251 and 1 <= row[4] < 251
        args = np.array([row], np.uint32), np.zeros(251, np.uint16)
        if fits:
            _maglev.fill(*args)
        else:
            with pytest.raises(ValueError, match="do not fit"):
                _maglev.fill(*args)
