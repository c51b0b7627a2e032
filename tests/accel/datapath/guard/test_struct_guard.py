"""What Python packs is what the C reads: struct guard, by the type that bcc derived from it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel.datapath.guard.actions import Level, Rule, Stance, rate_words
from accel.datapath.layout import ticks_per_second
from accel.model.guard import GuardMode, Rate
from tests.support.packets.rig import Rig

RATES = ("SYN", "SYN_PREFIX", "UDP", "UDP_PREFIX", "ICMP", "ICMP_PREFIX")  # enum rate_of
any_rate = st.builds(Rate, per_second=st.integers(0, 1000), burst=st.integers(0, 1000))
stances = st.builds(
    Stance,
    mode=st.sampled_from(GuardMode),
    levels=st.dictionaries(st.sampled_from(Rule), st.sampled_from(Level)),
    rates=st.tuples(*[any_rate] * len(RATES)),
    wscale=st.integers(0, 14),
    mss=st.fixed_dictionaries({4: st.integers(536, 8960), 6: st.integers(1220, 8940)}),
)


def leaf(rig: Rig, name: str, words: np.ndarray) -> Any:
    """Words of a map as its struct."""
    kind = rig.datapath._maps.leaf(name)
    assert ctypes.sizeof(kind) == words.nbytes
    return kind.from_buffer_copy(words.tobytes())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(stance=stances)
def test_a_stance_is_what_the_c_reads(rig: Rig, stance: Stance) -> None:
    read = leaf(rig, "guards", np.array(stance.words(ticks_per_second()), np.uint64))
    assert list(read.level) == [stance.levels.get(rule, Level.OFF) for rule in Rule]
    assert (read.mode, read.wscale) == (stance.mode, stance.wscale)
    assert (read.mss4, read.mss6) == (stance.mss[4], stance.mss[6])
    assert [(rate.each, rate.burst) for rate in read.rate] == [
        rate_words(rate, ticks_per_second()) for rate in stance.rates
    ]


def test_an_entry_of_the_map_is_its_stance(rig: Rig) -> None:
    stance = Stance(levels={Rule.FLAGS: Level.ON}, mode=GuardMode.COOKIE_BACKEND, wscale=9)
    rig.guard({"pool-tcp4": stance})
    index = rig.world.services["pool-tcp4"].index
    words = rig.words("guards").reshape(-1, 8)
    assert [int(word) for word in words[index]] == list(stance.words(ticks_per_second()))
    assert not np.delete(words, index, axis=0)[:, 0].any()
