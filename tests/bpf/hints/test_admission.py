"""What user space says of a client's hints is what the loaded program does with them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel.datapath.hints.admission import Refusal, decided
from accel.datapath.layout import CONSTANTS
from accel.model.backend import State
from accel.model.hints import Affinity, Hints, Kind, Learn
from tests.support.hints.hinting import TCP4, UDP4, Hinted, datagram, nth, syn
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT4, GENERATION

CLIENTS = [nth(7919 * i) for i in range(1, 7)]
PREFIXES = ["10.0.0.0/8", "10.0.0.0/17", *(f"{client}/32" for client in CLIENTS[:2])]


@dataclass(frozen=True)
class Scene:
    """What there is for the clients, and how the backends are: all of it as numbers."""

    hints: Hints
    there: Kind
    pushed: tuple[tuple[int, int, bool], ...]  # client, backend, required
    prefixes: tuple[tuple[int, int, bool], ...]
    learned: tuple[tuple[int, int], ...]  # client, backend
    ended: tuple[bool, bool, bool]  # of those pushed, learned, of prefixes
    states: tuple[State, ...]
    lost: tuple[bool, ...]  # its next hop
    generations: tuple[int, ...]
    loads: tuple[tuple[int, int, int], ...]  # flows, limit, part of all
    flows: int  # of all


_three = st.integers(0, 2)
_parts = st.sampled_from((0, 1, CONSTANTS["PART_WHOLE"] // 3, CONSTANTS["PART_WHOLE"]))
scenes = st.builds(
    Scene,
    st.builds(
        Hints,
        learn=st.sampled_from((Learn.OFF, Learn.ALL)),
        affinity=st.sampled_from(Affinity),
        holdout=st.sampled_from((0.0, 50.0)),
        bound=st.sampled_from((0.0, 1.5)),
        floor=st.just(1),
        sample=st.just(0.0),
        key4=st.sampled_from((24, 32)),
    ),
    st.sampled_from((Kind(0), Kind.PUSHED, Kind.PREFIX, Kind.PUSHED | Kind.PREFIX)),
    st.lists(st.tuples(st.integers(0, 5), _three, st.booleans()), max_size=8).map(tuple),
    st.lists(st.tuples(st.integers(0, 3), _three, st.booleans()), max_size=4).map(tuple),
    st.lists(st.tuples(st.integers(0, 5), _three), max_size=6).map(tuple),
    st.tuples(*[st.booleans()] * 3),
    st.tuples(st.just(State.UP), st.sampled_from(State), st.sampled_from(State)),
    st.tuples(st.just(False), *[st.booleans()] * 2),
    st.tuples(*[st.sampled_from((GENERATION, GENERATION, GENERATION + 1))] * 3),
    st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4), _parts)] * 3),
    st.integers(0, 8),
)


def arrange(rig: Rig, scene: Scene, service: str) -> Hinted:
    rig.reset()
    hinted = Hinted(rig, service)
    numbers = hinted.numbers
    _learn(hinted, scene)
    hinted.use(scene.hints, there=scene.there)
    for client, backend, required in scene.pushed:
        hinted.push(numbers[backend], CLIENTS[client], require=required)
    for prefix, backend, required in scene.prefixes:
        hinted.push_prefix(numbers[backend], ip_network(PREFIXES[prefix]), require=required)
    for name, ended in zip(("pushed", "learned"), scene.ended[:2], strict=True):
        if ended:
            hinted.set_times(name, 0)
    if scene.ended[2]:
        _end_prefixes(hinted)
    for at, number in enumerate(numbers):
        rig.world.change(
            service,
            number,
            state=scene.states[at],
            generation=scene.generations[at],
            next_hop=not scene.lost[at],
        )
    rig.place()
    if scene.hints.bound:
        # Until long after the test.
        rig.words("hints").view(np.uint32).reshape(-1, 16)[hinted.index, 5] = (
            hinted.hints.now() + 999
        )
    loads = rig.words("loads").view(np.uint32).reshape(-1, 4)
    loads[numbers, :3] = scene.loads
    loads[rig.datapath.limits.backends + hinted.index, 0] = scene.flows
    return hinted


def _learn(hinted: Hinted, scene: Scene) -> None:
    """By what clients do that were sent there."""
    hinted.use(learn=Learn.ALL, sample=0.0, key4=scene.hints.key4)
    hinted.rig.forget()
    for client, backend in scene.learned:
        address = CLIENTS[client]
        hinted.push(hinted.numbers[backend], address)
        if hinted.service == UDP4:
            for _ in range(3):
                assert hinted.went(datagram(address)) == hinted.numbers[backend]
        else:
            assert hinted.talk(address) == hinted.numbers[backend]
        assert hinted.seen(Kind.LEARNED, address)
        assert hinted.remove(address) == 1
        hinted.rig.forget()


def _end_prefixes(hinted: Hinted) -> None:
    keyed = hinted.hints.pushed.prefixes
    for key, value in list(keyed.items()):
        keyed.put(key, value[:8] + struct.pack("=II", hinted.hints.now(), hinted.hints.now()))


@pytest.mark.parametrize("service", [TCP4, UDP4])
@given(scenes)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_user_space_says_what_the_program_does(rig: Rig, service: str, scene: Scene) -> None:
    hinted = arrange(rig, scene, service)
    make = syn if service == TCP4 else datagram
    for client in CLIENTS:
        number, outcome = hinted.chosen(make(client, 7))
        candidates = hinted.hints.candidates(hinted.index, ip_address(client))
        held_out = hinted.hints.held_out(hinted.index, ip_address(client))
        expected = decided(candidates)
        if not hinted.rig.datapath.hints.active:
            assert outcome == ""
        elif held_out:
            assert outcome == "HOLDOUT"
        elif expected is None:
            assert outcome in ("BASE", "BASE_OVERFLOW")
        else:
            assert outcome == expected.name
            taken = [c.seen.number for c in candidates if not c.refused][:1]
            assert not taken or number == taken[0]


def test_a_candidate_tells_its_backend_s_load(rig: Rig) -> None:
    hinted = Hinted(rig)
    hinted.use(bound=1.5, floor=12)
    first = hinted.numbers[0]
    hinted.push(first)
    (unbounded,) = hinted.hints.candidates(hinted.index, ip_address(CLIENT4))
    assert (unbounded.standing.limit, unbounded.refused.label) == (None, "")
    rig.datapath.steering.second()
    for port in range(12):
        hinted.connect(port=port + 1)
    (full,) = hinted.hints.candidates(hinted.index, ip_address(CLIENT4))
    assert (full.standing.flows, full.standing.limit, full.refused) == (12, 12, Refusal.OVERFLOW)
    assert hinted.chosen(syn(port=99))[1] == "PUSHED_OVERFLOW" == full.outcome.name


def test_the_share_that_is_held_out(rig: Rig) -> None:
    hinted = Hinted(rig)
    hinted.use(holdout=25)
    found = [hinted.hints.held_out(hinted.index, ip_address(nth(i * 977))) for i in range(2000)]
    assert 400 < sum(found) < 600
