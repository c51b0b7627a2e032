"""Lifetimes at their edges, by a clock that stands still: sliding, absolute, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network

import pytest

from accel.model.backend import State
from accel.model.hints import NOTHING, Kind, Learn
from tests.support.hints.hinting import TCP4, Hinted, ack, syn
from tests.support.packets.rig import Rig

NET4 = ip_network("198.51.100.0/24")


@dataclass(frozen=True)
class Way:
    """How a hint comes to be, and how its outcomes begin."""

    plant: Callable[[Hinted, int, int], None]
    name: str


def push(hinted: Hinted, lifetime: int, longest: int) -> None:
    """A pushed one."""
    hinted.use(there=Kind.PUSHED, lifetime=lifetime, longest=longest)
    hinted.rig.hint_time.stand_still()
    hinted.push(hinted.numbers[0], lifetime=lifetime, longest=longest)


def put_prefix(hinted: Hinted, lifetime: int, longest: int) -> None:
    """That of a prefix."""
    hinted.use(there=Kind.PREFIX, lifetime=lifetime, longest=longest)
    hinted.rig.hint_time.stand_still()
    hinted.push_prefix(hinted.numbers[0], NET4, lifetime=lifetime, longest=longest)


def learn(hinted: Hinted, lifetime: int, longest: int) -> None:
    """A learned one. Of less than eight seconds none is drawn by lot."""
    hinted.use(there=NOTHING, learn=Learn.ALL, lifetime=lifetime, longest=longest, sample=0)
    hinted.talk(port=1)


WAYS = {"PUSHED": push, "PREFIX": put_prefix, "LEARNED": learn}


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    hinted = Hinted(rig)
    rig.hint_time.hold()
    return hinted


def outcome(hinted: Hinted) -> str:
    """Of a new connection of the client, without making one."""
    return hinted.chosen(syn(port=999))[1]


@pytest.mark.parametrize("name", WAYS)
def test_it_lives_up_to_its_last_second_and_not_in_it(hinted: Hinted, name: str) -> None:
    WAYS[name](hinted, 5, 7)
    hinted.rig.hint_time.pass_by(4)
    assert outcome(hinted) == name
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == f"{name}_EXPIRED"


@pytest.mark.parametrize("name", WAYS)
def test_use_moves_its_end_but_not_beyond_the_last(hinted: Hinted, name: str) -> None:
    WAYS[name](hinted, 3, 7)
    for port in (2, 3):
        hinted.rig.hint_time.pass_by(2)
        hinted.rig.count(syn(port=port))
    hinted.rig.hint_time.pass_by(2)  # six seconds old, last used two ago
    assert outcome(hinted) == name
    hinted.rig.count(syn(port=4))
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == f"{name}_EXPIRED"


@pytest.mark.parametrize("name", WAYS)
def test_only_what_opens_a_connection_is_use(hinted: Hinted, name: str) -> None:
    WAYS[name](hinted, 4, 7)
    hinted.rig.hint_time.pass_by(3)
    hinted.rig.count(ack(port=2))
    assert outcome(hinted) == name
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == f"{name}_EXPIRED"


def test_what_is_past_its_time_is_not_brought_back_by_its_client(hinted: Hinted) -> None:
    push(hinted, 2, 100)
    hinted.rig.hint_time.pass_by(2)
    for port in range(2, 5):
        hinted.rig.count(syn(port=port))
    assert outcome(hinted) == "PUSHED_EXPIRED"


def test_a_learned_hint_that_is_followed_for_ever_ends_all_the_same(hinted: Hinted) -> None:
    learn(hinted, 2, 7)
    for second in range(7):
        assert outcome(hinted) == "LEARNED", second
        hinted.rig.count(syn(port=10 + second))
        hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == "LEARNED_EXPIRED"


@pytest.mark.parametrize("state", [State.DRAIN, State.DOWN])
def test_a_backend_that_comes_back_has_its_hints_with_the_time_that_was_left(
    hinted: Hinted, state: State
) -> None:
    push(hinted, 5, 5)
    wanted = hinted.numbers[0]
    hinted.rig.world.change(TCP4, wanted, state=state)
    hinted.rig.place()
    assert outcome(hinted) == "PUSHED_DOWN"
    hinted.rig.hint_time.pass_by(4)
    hinted.rig.world.change(TCP4, wanted, state=State.UP)
    hinted.rig.place()
    assert outcome(hinted) == "PUSHED"
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == "PUSHED_EXPIRED"


@pytest.mark.parametrize("name", WAYS)
def test_a_number_of_another_generation_takes_none_of_its_hints(hinted: Hinted, name: str) -> None:
    WAYS[name](hinted, 7, 7)
    number = hinted.chosen(syn(port=999))[0]
    generation = hinted.rig.world.services[TCP4].backends[0].generation
    for step in (1, 2, 255):
        changed = (generation + step) % 256
        hinted.rig.world.change(TCP4, number, generation=changed)
        hinted.rig.place()
        assert outcome(hinted) == f"{name}_STALE"
    hinted.rig.world.change(TCP4, number, generation=generation)
    hinted.rig.place()
    assert outcome(hinted) == name


def test_a_bound_holds_for_as_long_as_it_is_renewed(hinted: Hinted) -> None:
    hinted.use(bound=1.5, floor=1)
    hinted.push(hinted.numbers[0], lifetime=1000)
    hinted.rig.hint_time.stand_still()
    hinted.rig.datapath.steering.second()
    hinted.connect(port=2)
    assert outcome(hinted) == "PUSHED_OVERFLOW"
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == "PUSHED_OVERFLOW"
    hinted.rig.hint_time.pass_by(1)
    assert outcome(hinted) == "PUSHED"
