"""The base choice of services with hints, the load bound, warmth, shards and the holdout group."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from accel.model.hints import Affinity, Hints, Kind, ShardKey
from tests.support.hints.hinting import TCP4, TCP6, UDP4, Hinted, ack, datagram, nth, shard, syn
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT4

NONE = Hints(holdout=0, bound=0)


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    return Hinted(rig)


def test_by_client_the_base_choice_is_one(hinted: Hinted) -> None:
    hinted.use(affinity=Affinity.CLIENT)
    for client in map(nth, range(50)):
        assert len({hinted.chosen(syn(client, port)) for port in range(1, 20)}) == 1
    spread = Counter(hinted.chosen(syn(nth(i)))[0] for i in range(600))
    assert min(spread.values()) > 120


def test_by_prefix_the_base_choice_is_one_for_a_24(hinted: Hinted) -> None:
    hinted.use(affinity=Affinity.PREFIX)
    assert len({hinted.chosen(syn(f"10.1.2.{i}", i + 1)) for i in range(50)}) == 1
    assert len({hinted.chosen(syn(f"10.1.{i}.1")) for i in range(50)}) == 3
    six = Hinted(hinted.rig, TCP6)
    six.use(affinity=Affinity.PREFIX)
    assert len({six.chosen(syn(f"2001:db8:5:{i:x}::1")) for i in range(50)}) == 1


@pytest.mark.parametrize("key", [ShardKey.SOURCE, ShardKey.SERVICE, ShardKey.PORT])
@pytest.mark.parametrize("size", [1, 2])
def test_a_shard_has_a_few_backends(hinted: Hinted, key: ShardKey, size: int) -> None:
    hinted.use(shard=shard(key, size))
    few = {
        ShardKey.SOURCE: [syn(CLIENT4, port) for port in range(1, 60)],
        ShardKey.SERVICE: [syn(nth(i), i + 1) for i in range(60)],
        ShardKey.PORT: [syn(nth(i), 77) for i in range(60)],
    }[key]
    assert len({hinted.chosen(frame) for frame in few}) <= size
    if key is not ShardKey.SERVICE:
        many = [syn(nth(i), i + 1) for i in range(100)]
        assert len({hinted.chosen(frame)[0] for frame in many}) == 3


def test_the_held_out_are_steered_as_without_hints(hinted: Hinted) -> None:
    frames = [syn(nth(i), 1000 + i % 5) for i in range(2000)]
    without = [hinted.chosen(frame)[0] for frame in frames]
    hinted.use(holdout=20, affinity=Affinity.CLIENT)
    hinted.push(hinted.numbers[0], *map(nth, range(1000)))
    held = 0
    for frame, before in zip(frames, without, strict=True):
        number, outcome = hinted.chosen(frame)
        if outcome == "HOLDOUT":
            held += 1
            assert number == before
        elif outcome == "PUSHED":
            assert number == hinted.numbers[0]
    assert 300 < held < 500
    assert {hinted.chosen(f)[1] for f in frames} == {"HOLDOUT", "PUSHED", "BASE"}


# The load bound


def bounded(hinted: Hinted, last: int, bound: float = 1.5, floor: int = 1) -> list[int]:
    """As after a second with `last` new flows; the limits."""
    hinted.use(affinity=Affinity.CLIENT, bound=bound, floor=floor)
    loads = hinted.rig.words("loads").view(np.uint32).reshape(-1, 4)
    loads[hinted.numbers[0], 0] = last
    hinted.rig.datapath.steering.second()
    renew(hinted, 1000)  # whatever else this machine does meanwhile
    return [limit for _, limit in loads_of(hinted)]


def loads_of(hinted: Hinted) -> list[tuple[int, int]]:
    """New flows of this second, and how many there may be, of each backend."""
    return [hinted.hints.loads.of(hinted.index, number) for number in hinted.numbers]


def renew(hinted: Hinted, seconds: int) -> None:
    """Bounds hold for so long from now on."""
    until = hinted.hints.now() + seconds
    hinted.rig.words("hints").view(np.uint32).reshape(-1, 16)[hinted.index, 5] = until


def test_limits_are_their_share_of_the_last_second(hinted: Hinted) -> None:
    for last, bound, floor in ((100, 1.5, 10), (0, 1.5, 10), (7, 1.25, 1), (9, 2, 1)):
        wanted = max(floor, math.ceil(bound * last / 3))
        assert bounded(hinted, last, bound, floor) == [wanted] * 3
        assert [flows for flows, _ in loads_of(hinted)] == [0, 0, 0]


@pytest.mark.parametrize("service", [TCP4, UDP4])
@pytest.mark.parametrize("last", [60, 180])
def test_no_backend_gets_more_than_its_bound(rig: Rig, service: str, last: int) -> None:
    """All from one client, whose base choice is one backend: it gets its bound, to the flow."""
    hinted = Hinted(rig, service)
    (limit, *_) = bounded(hinted, last)
    assert limit == last / 2
    base = hinted.chosen(syn() if service == TCP4 else datagram())[0]
    went: Counter[int] = Counter()
    for port in range(1, 121):
        open_to = {n for n in hinted.numbers if went[n] < max(limit, went.total() / 2)}
        number = hinted.connect(port=port) if service == TCP4 else hinted.went(datagram(port=port))
        assert number == base if base in open_to else number in open_to
        went[number] += 1
    assert [flows for flows, _ in loads_of(hinted)] == [went[n] for n in hinted.numbers]
    outcomes = {"BASE": went[base], "BASE_OVERFLOW": 120 - went[base]}
    assert hinted.outcomes() == outcomes
    assert max(went.values()) == went[base] == max(limit, 60)


def test_many_syns_before_the_first_ack_are_bounded_too(hinted: Hinted) -> None:
    bounded(hinted, 60)
    went = Counter(hinted.went(syn(port=port)) for port in range(1, 61))
    assert sorted(went.values()) == [30, 30]


def test_a_service_that_grows_is_not_at_its_bound_by_that(hinted: Hinted) -> None:
    """After a quiet second many clients come, with hints of all backends: all are followed."""
    assert bounded(hinted, 0, floor=2) == [2] * 3
    for i in range(90):
        hinted.push(hinted.numbers[i % 3], nth(i))
    for i in range(90):
        assert hinted.connect(nth(i)) == hinted.numbers[i % 3]
    assert hinted.outcomes() == {"PUSHED": 90}


def test_a_hint_does_not_go_beyond_the_bound_unless_it_is_required(hinted: Hinted) -> None:
    bounded(hinted, 6)
    wanted = next(n for n in hinted.numbers if n != hinted.chosen(syn())[0])
    hinted.push(wanted)
    for port in range(3):
        assert hinted.chosen(syn(port=port + 1)) == (wanted, "PUSHED")
        hinted.connect(port=port + 1)
    number, outcome = hinted.chosen(syn(port=50))
    assert number not in (0, wanted)
    assert outcome == "PUSHED_OVERFLOW"
    hinted.push(wanted, require=True)
    assert hinted.chosen(syn(port=51)) == (wanted, "PUSHED")


def test_each_second_counts_anew(hinted: Hinted) -> None:
    bounded(hinted, 6)
    wanted = hinted.numbers[0]
    hinted.push(wanted)
    for port in range(1, 4):
        hinted.connect(port=port)
    assert hinted.chosen(syn(port=50))[1] == "PUSHED_OVERFLOW"
    hinted.rig.datapath.steering.second()
    assert hinted.chosen(syn(port=50)) == (wanted, "PUSHED")


def test_bounds_that_nobody_renews_hold_no_longer(hinted: Hinted) -> None:
    bounded(hinted, 0)
    hinted.push(hinted.numbers[0])
    hinted.connect(port=1)
    assert hinted.chosen(syn(port=50))[1] == "PUSHED_OVERFLOW"
    renew(hinted, 0)
    assert hinted.chosen(syn(port=50))[1] == "PUSHED"


# Warmth


def test_the_warmer_of_two_takes_it_until_its_budget_is_spent(hinted: Hinted) -> None:
    hinted.use(warm=True)
    frames = [(nth(i), 1 + i) for i in range(60)]
    cold = {hinted.chosen(syn(*f)) for f in frames}
    assert {outcome for _, outcome in cold} == {"BASE"}
    warm = hinted.numbers[0]
    hinted.hints.set_warmth({warm: 5})
    moved = [f for f in frames if hinted.chosen(syn(*f)) == (warm, "WARM")]
    assert len(moved) > 5
    for f in moved[:5]:
        assert hinted.connect(*f) == warm
    assert hinted.chosen(syn(*moved[5]))[1] == "BASE"
    assert hinted.outcomes() == {"WARM": 5}


def test_warmth_is_not_believed_for_long(hinted: Hinted) -> None:
    hinted.use(warm=True)
    hinted.hints.set_warmth({hinted.numbers[0]: 5})
    frames = [syn(nth(i), 1 + i) for i in range(60)]
    assert "WARM" in {hinted.chosen(f)[1] for f in frames}
    words = hinted.rig.words("warmths").view(np.uint32).reshape(-1, 2)
    assert words[hinted.numbers[0], 1] - hinted.hints.now() in (2, 3)
    words[hinted.numbers[0], 1] = hinted.hints.now()
    assert {hinted.chosen(f)[1] for f in frames} == {"BASE"}


def test_hints_come_before_warmth(hinted: Hinted) -> None:
    hinted.use(warm=True)
    warm, wanted, _ = hinted.numbers
    hinted.hints.set_warmth({warm: 100})
    hinted.push(wanted)
    assert hinted.chosen(syn()) == (wanted, "PUSHED")
    assert hinted.seen(Kind.PUSHED)
    assert hinted.went(ack(port=9)) in hinted.numbers


def test_a_backend_that_has_just_come_is_not_at_its_bound(hinted: Hinted) -> None:
    """Its share is known when the next second begins; till then the base choice holds."""
    hinted.use(affinity=Affinity.CLIENT, bound=1.5, floor=1)
    hinted.rig.datapath.steering.second()
    base, _ = hinted.chosen(syn())
    hinted.rig.words("loads").reshape(-1, 2)[base] = 0
    assert hinted.chosen(syn()) != (base, "BASE")
    hinted.rig.datapath.steering.reset_backend(base)
    assert hinted.chosen(syn()) == (base, "BASE")
