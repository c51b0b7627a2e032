"""A guard's rates and stances as words, and the memory that they are in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath.guard.actions import Level, Rule, Stance, rate_words
from accel.datapath.guard.maps import GuardKeys, Guards
from accel.datapath.layout import CONSTANTS
from accel.errors import InvalidError
from accel.model.guard import (
    GREATEST_BURST_SECONDS,
    GREATEST_RATE,
    Guard,
    GuardLevel,
    GuardMode,
    Rate,
)

SHIFT = CONSTANTS["CLOCK_SHIFT"]
ticks = st.sampled_from((100, 250, 300, 1000))
rates = st.integers(1, GREATEST_RATE).flatmap(
    lambda rate: st.builds(
        Rate, per_second=st.just(rate), burst=st.integers(0, rate * GREATEST_BURST_SECONDS)
    )
)


@given(rates, ticks)
def test_a_rate_is_two_words_of_32_bits(rate: Rate, hertz: int) -> None:
    each, burst = rate_words(rate, hertz)
    assert each >= 1
    assert 0 <= burst < burst + each < 1 << 32


@given(rates, ticks)
def test_so_many_pass_at_once(rate: Rate, hertz: int) -> None:
    """ITU-T I.371: as long as the bucket is no further ahead than the burst says."""
    each, burst = rate_words(rate, hertz)
    at_once = burst // each + 1
    wanted = rate.burst or rate.per_second
    in_two_ticks = (2 << SHIFT) // each
    assert at_once == max(wanted, in_two_ticks)


@given(st.integers(1, GREATEST_RATE), ticks)
def test_the_rate_is_as_exact_as_the_clock(per_second: int, hertz: int) -> None:
    """Never less than was asked for, as long as the clock has units that short."""
    each, _ = rate_words(Rate(per_second=per_second), hertz)
    second = hertz << SHIFT
    if per_second <= second:
        assert second / (each + 1) < per_second <= second / each
    else:
        assert each == 1


@given(ticks)
def test_no_rate_is_no_words(hertz: int) -> None:
    assert rate_words(Rate(), hertz) == rate_words(Rate(burst=7), hertz) == (0, 0)


@pytest.mark.parametrize(
    ("rate", "field"),
    [
        (Rate(per_second=-1), "per_second"),
        (Rate(per_second=GREATEST_RATE + 1), "per_second"),
        (Rate(per_second=1, burst=-1), "burst"),
        (Rate(per_second=1, burst=GREATEST_BURST_SECONDS + 1), "burst"),
        (Rate(per_second=10, burst=10 * GREATEST_BURST_SECONDS + 1), "burst"),
    ],
)
def test_a_rate_out_of_range_is_refused(rate: Rate, field: str) -> None:
    with pytest.raises(InvalidError, match=f"^guard.udp_rate.source.{field}"):
        rate.check("guard.udp_rate.source")


def test_strays_cannot_be_refused_while_syns_go_through() -> None:
    """No SYN is stored, so the ACK behind it would be a stray."""
    with pytest.raises(InvalidError, match=r"^guard\.unknown"):
        Guard(unknown=GuardLevel.ON).check()
    for level in (GuardLevel.OFF, GuardLevel.MONITOR, GuardLevel.ATTACK):
        Guard(unknown=level).check()


@given(rates)
def test_all_others_are_not(rate: Rate) -> None:
    rate.check("rate")


def test_a_burst_is_far_from_where_the_clock_wraps() -> None:
    """At 1000 ticks a second: a source that comes back later than that is one that is new."""
    wrap = (1 << 32) / (1000 << SHIFT)
    assert wrap / 10 > GREATEST_BURST_SECONDS


# The memory


class Memory:
    """What Guards wants of the maps, without any."""

    def __init__(self, *, adopted: bool = False) -> None:
        self.adopted = adopted
        self._words = {name: np.zeros(size, np.uint64) for name, size in SIZES.items()}

    def words(self, name: str) -> np.ndarray:
        return self._words[name]


SIZES = {"guards": 16 * 8, "guard_keys": 17}
ON = Stance(mode=GuardMode.RETRANSMIT, levels={Rule.SYN: Level.ON})
WATCH = Stance(levels={Rule.ICMP_RATE: Level.MONITOR})
KEYS = GuardKeys(
    generation=0xFFFFFFFF,
    challenge=tuple((10 * n, 10 * n + 1) for n in range(4)),
    cookie=tuple((10 * n + 2, 10 * n + 3) for n in range(4)),
)


def guards(memory: Memory) -> Guards:
    return Guards(memory)  # type: ignore[arg-type]


def test_who_does_nothing_is_nobody_s_guard() -> None:
    ours = guards(Memory())
    ours.set({3: ON, 4: WATCH, 5: Stance(mode=GuardMode.RETRANSMIT)})
    assert [ours.number(index) for index in range(7)] == [0, 0, 0, 3, 4, 0, 0]
    ours.set({3: Stance()})
    assert ours.number(3) == 0


def test_a_level_is_read_back() -> None:
    ours = guards(Memory())
    ours.set({3: ON, 4: WATCH})
    assert ours.level(3, Rule.SYN) is Level.ON
    assert ours.level(4, Rule.SYN) is Level.OFF
    assert ours.level(4, Rule.ICMP_RATE) is Level.MONITOR


@given(st.sets(st.integers(1, 15)), st.sets(st.integers(1, 15)))
def test_those_that_are_gone_are_off(there: set[int], others: set[int]) -> None:
    dropped, kept = guards(Memory()), guards(Memory())
    for ours in (dropped, kept):
        ours.set(dict.fromkeys(there, ON))
    dropped.drop(others)
    kept.keep(others)
    assert {i for i in range(16) if dropped.number(i)} == there - others
    assert {i for i in range(16) if kept.number(i)} == there & others


def test_an_idle_guard_leaves_no_word() -> None:
    memory = Memory()
    ours = guards(memory)
    ours.set({3: ON})
    ours.set({3: Stance(mode=GuardMode.AUTH)})
    assert ours.number(3) == 0
    assert memory.words("guards")[24] == 0, "the levels"


def test_a_new_data_path_has_keys_that_nobody_knows() -> None:
    first, second = Memory(), Memory()
    guards(first), guards(second)
    one, other = (memory.words("guard_keys")[:16] for memory in (first, second))
    assert np.count_nonzero(one) == 16
    assert not np.array_equal(one, other)


def test_an_adopted_one_keeps_its_keys() -> None:
    memory = Memory(adopted=True)
    guards(memory)
    assert not memory.words("guard_keys").any()


def test_keys_by_generation_and_which_is_current() -> None:
    memory = Memory()
    guards(memory).set_keys(KEYS)
    words = [int(word) for word in memory.words("guard_keys")]
    assert words[:8] == [0, 1, 10, 11, 20, 21, 30, 31]
    assert words[8:16] == [2, 3, 12, 13, 22, 23, 32, 33]
    assert list(memory.words("guard_keys")[16:].view(np.uint32)) == [0xFFFFFFFF, 0]
