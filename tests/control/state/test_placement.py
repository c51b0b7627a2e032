"""Numbers of services and backends: unique, kept, and reused as late as can be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accel.control.state.placement import GENERATIONS, Placement, Pool, Slot, pool_of
from accel.errors import CapacityError
from accel.model.placement import Limits

LIMIT = 8


def change(
    pool: Pool[int], *, release: list[int] | None = None, take: list[int] | None = None
) -> Pool[int]:
    return pool.change(
        release=release or [], take=take or [], limit=LIMIT, what="things", option="--max-things"
    )


def numbers(pool: Pool[int]) -> dict[int, int]:
    return {key: slot.number for key, slot in pool.taken.items()}


class Life(RuleBasedStateMachine):
    """A pool through any number of changes, beside a model that remembers everything."""

    @initialize()
    def begin(self) -> None:
        self.pool: Pool[int] = Pool()
        self.serial = 0
        self.freed: list[int] = []  # numbers in the order in which they were freed
        self.generations: dict[int, int] = {}  # number to the generation seen last

    @rule(data=st.data(), wanted=st.integers(0, LIMIT))
    def change(self, data: st.DataObject, wanted: int) -> None:
        taken = sorted(self.pool.taken)
        release = data.draw(st.lists(st.sampled_from(taken), unique=True)) if taken else []
        take = list(range(self.serial, self.serial + wanted))
        self.serial += wanted
        before = self.pool
        needed = len(taken) - len(release) + wanted
        if wanted and needed > LIMIT - 1:
            with pytest.raises(CapacityError) as caught:
                change(before, release=release, take=take)
            assert (caught.value.needed, caught.value.limit) == (needed, LIMIT - 1)
            assert self.pool == before
            return
        self.pool = change(before, release=release, take=take)
        self.freed += [before.taken[key].number for key in release]
        for key in set(taken) - set(release):
            assert self.pool.taken[key] == before.taken[key], "a kept one keeps its number"
        never_used = [n for n in range(1, LIMIT) if n not in self.generations]
        expected = (never_used + self.freed)[:wanted]
        assert [self.pool.taken[key].number for key in take] == expected
        for key in take:
            slot = self.pool.taken[key]
            assert slot.generation == (self.generations.get(slot.number, 0) + 1) % GENERATIONS
            self.generations[slot.number] = slot.generation
            if slot.number in self.freed:
                self.freed.remove(slot.number)

    @invariant()
    def no_two_share_a_number(self) -> None:
        if hasattr(self, "pool"):
            given_out = list(numbers(self.pool).values())
            assert len(set(given_out)) == len(given_out)
            assert all(1 <= number < LIMIT for number in given_out)

    @precondition(lambda self: hasattr(self, "pool"))
    @rule()
    def store_and_load(self) -> None:
        loaded = pool_of(dict(self.pool.taken), list(self.pool.freed.items()))
        assert loaded == self.pool
        assert list(loaded.freed) == list(self.pool.freed) == self.freed
        self.pool = loaded


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=30)


def test_the_generation_wraps_and_always_differs() -> None:
    pool: Pool[int] = Pool(taken={0: Slot(number=1, generation=255)}, used=LIMIT - 1)
    pool = change(pool, release=[0])
    pool = change(pool, take=[1])
    assert pool.taken[1] == Slot(number=1, generation=0)


def test_one_freed_and_taken_at_once_is_the_last_choice() -> None:
    pool = change(Pool(), take=[1, 2])
    pool = change(pool, release=[1], take=[3])
    assert numbers(pool) == {2: 2, 3: 3}
    full = change(Pool(), take=list(range(LIMIT - 1)))
    again = change(full, release=[3], take=[99])
    assert again.taken[99] == Slot(number=full.taken[3].number, generation=2)


@given(st.integers(1, 6), st.integers(1, 6))
def test_smaller_limits_renumber_only_what_does_not_fit(kept: int, removed: int) -> None:
    keys = [("web", f"b{i}") for i in range(kept + removed)]
    limits = Limits(services=4, backends=kept + removed + 1)
    full = Placement().change(limits, take_services=["web"], take_backends=keys)
    fewer = full.change(limits, release_backends=keys[:removed])
    fitted = fewer.fit(Limits(services=4, backends=kept + 1))
    for key, slot in fitted.backends.taken.items():
        before = fewer.backends.taken[key]
        assert slot == before or before.number > kept
        assert slot.number <= kept
    assert len(fitted.backends.taken) == kept


def test_limits_that_are_too_small_are_refused() -> None:
    limits = Limits(services=4, backends=8)
    full = Placement().change(limits, take_services=["a", "b"])
    with pytest.raises(CapacityError, match="2 services are more than the limit of 1"):
        full.fit(Limits(services=2, backends=8))


def test_a_pool_that_nothing_happens_to_stays_the_same_object() -> None:
    limits = Limits()
    placement = Placement().change(limits, take_services=["web"])
    after = placement.change(limits, take_backends=[("web", "b1")])
    assert after.services is placement.services


def test_many_are_placed_in_linear_time() -> None:
    """Not a measurement: with a quadratic loop this would take minutes."""
    keys = list(range(50_000))
    pool: Pool[int] = Pool()
    for _ in range(2):
        options = {"limit": 50_001, "what": "things", "option": "--max-things"}
        pool = pool.change(release=[], take=keys, **options)  # type: ignore[arg-type]
        pool = pool.change(release=keys, take=[], **options)  # type: ignore[arg-type]
    assert list(pool.freed) == list(range(1, 50_001))
