"""The memory of rings: each where nobody else is, none used again too early."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath import encode
from accel.datapath.steering.rings import Rings, lines_of
from accel.errors import CapacityError

LINES = 200
SLOTS = encode.SLOTS_PER_LINE


def ring(lines: int, filling: int) -> tuple[int, bytes]:
    """Slots and content of a ring with so many lines of slots, and one of numbers."""
    return lines * SLOTS, bytes([filling]) * encode.LINE * (lines + 1)


def read(words: np.ndarray, word: int) -> bytes:
    first = (word & 0xFFFFFFFF) + 1
    return words.reshape(-1, 8)[first : first + lines_of(word) - 1].tobytes()


def memory() -> np.ndarray:
    return np.zeros(LINES * 8, np.uint64)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), max_size=60))
def test_no_ring_writes_into_another(steps: list[tuple[int, int]]) -> None:
    words = memory()
    rings, present = Rings(words), dict[int, tuple[int, bytes]]()
    for filling, (service, lines) in enumerate(steps, start=1):
        before = present.get(service, (0, b""))[0]
        slots, content = ring(lines, filling) if lines else (0, b"")
        after = rings.place(slots, content, before)
        rings.replaced(before, after)
        present[service] = (after, content)
        for word, expected in present.values():
            assert not word or read(words, word) == expected
        runs = sorted(
            (word & 0xFFFFFFFF, (word & 0xFFFFFFFF) + lines_of(word))
            for word, _ in present.values()
            if word
        )
        assert all(end <= first for (_, end), (first, _) in pairwise(runs))


def test_the_same_ring_stays_where_it_is() -> None:
    rings = Rings(memory())
    word = rings.place(*ring(3, 7), 0)
    assert rings.place(*ring(3, 7), word) == word
    assert rings.place(*ring(3, 8), word) != word


def test_the_former_ring_is_told_for_a_while() -> None:
    words = memory()
    rings = Rings(words)
    first = rings.place(*ring(3, 1), 0)
    second = rings.place(*ring(3, 2), first)
    rings.replaced(first, second)
    header = words.reshape(-1, 8)[second & 0xFFFFFFFF]
    assert int(header[0]) == first
    assert read(words, first) == ring(3, 1)[1]
    adopted = Rings(words, [second])
    assert adopted.used == lines_of(first) + lines_of(second), "a restart keeps both"
    rings.tick(float("inf"))
    assert int(header[0]) == 0


def test_former_rings_make_room_before_it_is_refused() -> None:
    rings = Rings(memory())
    word = 0
    for filling in range(1, 9):  # each takes a third of the memory
        after = rings.place(*ring(60, filling), word)
        rings.replaced(word, after)
        word = after
    with pytest.raises(CapacityError, match="--max-slots"):
        rings.place(*ring(190, 1), word)
