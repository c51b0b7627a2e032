"""The flow cache from user space, over memory that is no map."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath.flows import EPOCH_SECONDS, Flows
from accel.datapath.layout import CONSTANTS
from accel.model.backend import State

BACKENDS = 64
AGES, LIFETIME = CONSTANTS["AGES"], CONSTANTS["LIFETIME"]
numbers, generations, ages = st.integers(1, BACKENDS - 1), st.integers(0, 255), st.integers(0, 15)


def word(tag: int, number: int, generation: int, age: int) -> int:
    return tag << 32 | number << 12 | generation << 4 | age % AGES


class Memory:
    """The maps' memory, and Flows over it. Every backend is up, of generation 0."""

    def __init__(self, words: list[int], epoch: int = 0) -> None:
        self.words = np.array(words + [0] * (-len(words) % 8), np.uint64)
        self.backends = np.zeros((BACKENDS, 8), np.uint64)
        self.settings = np.array([epoch, *range(14)], np.uint64)
        self.proven = np.zeros(64, np.uint64)
        self.flows = Flows(self.words, self.backends, self.settings, self.proven)
        for number in range(BACKENDS):
            self.put(number, State.UP, 0)

    def put(self, number: int, state: int, generation: int) -> None:
        self.backends[number, 0] = int.from_bytes(
            bytes([1, 2, 3, 4, 5, 6, state, generation]), "little"
        )

    def counted(self) -> dict[int, int]:
        return {n: int(c) for n, c in enumerate(self.flows.per_backend()) if c}


@given(st.lists(numbers, max_size=200))
def test_flows_are_counted_for_their_backends(of: list[int]) -> None:
    memory = Memory([word(tag, number, 0, 0) for tag, number in enumerate(of, 1)])
    assert memory.counted() == Counter(of)


def test_nothing_is_counted_in_empty_memory() -> None:
    assert Memory([0] * 64).counted() == {}


@given(numbers, generations, generations)
def test_another_generation_s_flows_are_not_counted(number: int, of: int, now: int) -> None:
    memory = Memory([word(1, number, of, 0)])
    memory.put(number, State.UP, now)
    assert memory.counted() == ({number: 1} if of == now else {})


@pytest.mark.parametrize(
    ("state", "counted"), [(State.UP, 1), (State.DRAIN, 1), (State.DOWN, 0), (0, 0)]
)
def test_only_flows_that_may_go_on_are_counted(state: int, counted: int) -> None:
    memory = Memory([word(1, 5, 0, 0)])
    memory.put(5, state, 0)
    assert memory.flows.per_backend()[5] == counted


@given(st.integers(0, 1000), st.integers(0, AGES - 1))
def test_idle_flows_are_not_counted(epoch: int, idle: int) -> None:
    memory = Memory([word(1, 5, 0, epoch - idle)], epoch)
    assert memory.counted() == ({5: 1} if idle <= LIFETIME else {})


def test_a_number_beyond_the_map_is_no_error() -> None:
    assert Memory([word(1, (1 << 19) - 1, 0, 0)]).counted() == {}


@given(st.lists(st.tuples(numbers, st.integers(0, LIFETIME)), max_size=100), st.integers(0, 40))
def test_an_epoch_sweeps_the_dead_away_and_nothing_else(
    flows: list[tuple[int, int]], epoch: int
) -> None:
    words = [word(tag, n, 0, epoch - idle) for tag, (n, idle) in enumerate(flows, 1)]
    memory = Memory(words, epoch)
    memory.flows.next_epoch()
    left = [w for w, (_, idle) in zip(words, flows, strict=True) if idle < LIFETIME]
    assert [int(w) for w in memory.words if w] == left


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, LIFETIME)), max_size=64), st.integers(0, 40)
)
def test_an_epoch_sweeps_sources_away_that_were_proven_too_long_ago(
    sources: list[tuple[bool, int]], epoch: int
) -> None:
    """Whether they came once or more often."""
    memory = Memory([], epoch)
    words = [
        tag << 32 | twice << 31 | (epoch - idle) % AGES
        for tag, (twice, idle) in enumerate(sources, 1)
    ]
    memory.proven[: len(words)] = words
    memory.flows.next_epoch()
    left = [w for w, (_, idle) in zip(words, sources, strict=True) if idle < LIFETIME]
    assert [int(w) for w in memory.proven if w] == left


@given(st.integers(1, 60))
def test_however_long_it_takes_the_dead_stay_dead(epochs: int) -> None:
    memory = Memory([word(1, 5, 0, 0)])
    for passed in range(1, epochs + 1):
        memory.flows.next_epoch()
        assert memory.counted() == ({5: 1} if passed <= LIFETIME else {})


def test_the_sweep_leaves_the_flow_keys_alone() -> None:
    memory = Memory([])
    memory.flows.next_epoch()
    assert list(memory.settings[1:]) == list(range(14))
    assert int(memory.settings[0]) == 1


@given(st.lists(numbers, max_size=50), numbers)
def test_a_backend_s_flows_are_forgotten(of: list[int], gone: int) -> None:
    memory = Memory([word(tag, number, 7, 0) for tag, number in enumerate(of, 1)])
    memory.flows.forget(gone)
    left = Counter(int(w) >> 12 & 0x7FFFF for w in memory.words if w)
    assert left == Counter(n for n in of if n != gone)


def test_ticks_count_the_epoch_on_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    memory = Memory([])
    for seconds, epoch in (
        (1, 0),
        (EPOCH_SECONDS - 1, 0),
        (EPOCH_SECONDS, 1),
        (2 * EPOCH_SECONDS, 2),
    ):
        now = 1000.0 + seconds
        memory.flows.tick()
        memory.flows.tick()
        assert int(memory.settings[0]) == epoch
