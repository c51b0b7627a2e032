"""What becomes of hints with time: generations, room, sweeping, services that go."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from accel.model.hints import NOTHING, Kind
from tests.support.hints.hint_writer import Refused
from tests.support.hints.hinting import TCP4, TCP6, Hinted, nth, syn
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT6

NET4 = ip_network("198.51.100.0/24")


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    return Hinted(rig)


def test_a_generation_that_begins_anew_takes_all_hints_along(hinted: Hinted) -> None:
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    wanted = hinted.numbers[0]
    hinted.rig.world.change(hinted.service, wanted, generation=0)
    hinted.rig.place()
    hinted.push(wanted)
    hinted.push_prefix(wanted, NET4)
    hinted.rig.words("learned")[0] = 1 << 32 | wanted << 12 | 1
    placed = hinted.rig.world.services[hinted.service]
    hinted.rig.world.remove_backend(hinted.service, wanted)
    hinted.rig.place()
    hinted.rig.world.services[hinted.service] = placed
    hinted.rig.place()
    assert hinted.chosen(syn())[1] == "BASE"
    assert not hinted.rig.words("learned").any()
    assert len(hinted.hints) == 0


def test_hints_that_there_is_no_room_for_are_refused_and_the_others_set(hinted: Hinted) -> None:
    hinted.use()
    limit = hinted.rig.datapath.limits.hints
    with pytest.raises(Refused, match="hints") as caught:
        hinted.push(hinted.numbers[0], *map(nth, range(limit + 1)))
    assert [(r.entry, r.reason) for r in caught.value.refusals] == [(limit, "CAPACITY")]
    assert len(hinted.hints) == limit
    assert hinted.chosen(syn(nth(limit)))[1] == "BASE"
    hinted.push(hinted.numbers[1], *map(nth, range(limit)))  # Those that are there need no room.
    assert len(hinted.hints) == limit
    for i in range(0, limit, 7):
        assert hinted.chosen(syn(nth(i))) == (hinted.numbers[1], "PUSHED")
    assert hinted.remove(nth(5)) == 1
    hinted.push(hinted.numbers[0], nth(limit))
    assert hinted.chosen(syn(nth(limit))) == (hinted.numbers[0], "PUSHED")


def test_what_is_past_its_time_is_swept_away(hinted: Hinted) -> None:
    hinted.use()
    hinted.push(hinted.numbers[0], *map(nth, range(900)))
    hinted.set_times("pushed", 0)
    for _ in range(64):
        hinted.rig.datapath.steering.second()
    assert len(hinted.hints) == 0
    assert hinted.chosen(syn(nth(5)))[1] == "BASE"


def test_hints_of_services_that_are_gone_go_with_them(hinted: Hinted) -> None:
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    hinted.push_prefix(hinted.numbers[0], NET4)
    hinted.connect()
    index = hinted.index
    del hinted.rig.world.services[TCP4]
    hinted.rig.place()
    assert hinted.hints.of(index).idle
    assert not hinted.hints.active
    hinted.rig.reset()
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    assert hinted.outcomes() == {}
    assert hinted.chosen(syn())[1] == "BASE"


def test_what_is_pushed_before_it_is_asked_for_is_found(rig: Rig) -> None:
    """By the length of address that is configured, also while nothing else is."""
    hinted = Hinted(rig, TCP6)
    hinted.use(there=NOTHING, key6=56)
    assert not hinted.hints.active
    hinted.push(hinted.numbers[0], CLIENT6)
    hinted.use(key6=56)
    assert hinted.chosen(syn("2001:db8:c:ff::1"))[1] == "PUSHED"


def test_a_second_bounds_nothing_where_nothing_is_asked_for(hinted: Hinted) -> None:
    hinted.use(there=NOTHING, bound=1.5)
    hinted.rig.datapath.steering.second()
    assert not hinted.rig.words("hints").any()


def test_what_is_left_of_services_that_are_gone_goes_at_the_next_start(hinted: Hinted) -> None:
    hinted.use(there=NOTHING)
    hinted.push_prefix(hinted.numbers[0], NET4)
    del hinted.rig.world.services[TCP4]
    hinted.rig.place()
    assert not list(hinted.hints.pushed.prefixes.items())
