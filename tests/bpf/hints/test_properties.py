"""What holds whatever hints there are: each new flow lands once, at a backend of its service."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_network

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import ICMP, IP, TCP

from accel.datapath.guard.actions import Level, Rule
from accel.model.backend import State
from accel.model.hints import Affinity, Hints, Kind, Learn, Shard, ShardKey
from accel.model.prefix_columns import Prefixes
from tests.support.guard.guarding import stance
from tests.support.hints.hinting import TCP4, UDP4, Hinted, ack, datagram, nth, syn
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.world import API4, CLIENT4, GENERATION, WAYS

CLIENTS = [nth(i) for i in range(8)]


@dataclass(frozen=True)
class Config:
    """How hints are used, what was pushed, how the backends are, how loaded."""

    hints: Hints
    there: Kind
    pushed: tuple[tuple[int, int, bool], ...]  # client, backend, required
    states: tuple[State, ...]
    generations: tuple[int, ...]
    limits: tuple[int, ...]


configs = st.builds(
    Config,
    st.builds(
        Hints,
        warm=st.booleans(),
        affinity=st.sampled_from(Affinity),
        learn=st.sampled_from((Learn.OFF, Learn.ALL)),
        shard=st.builds(Shard, key=st.just(ShardKey.SOURCE), size=st.integers(1, 3)),
        holdout=st.sampled_from((0.0, 30.0)),
        bound=st.sampled_from((0.0, 1.5)),
        floor=st.just(1),
    ),
    st.sampled_from((Kind(0), Kind.PUSHED, Kind.PREFIX, Kind.PUSHED | Kind.PREFIX)),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2), st.booleans()), max_size=8).map(tuple),
    st.tuples(st.just(State.UP), st.sampled_from(State), st.sampled_from(State)),
    st.tuples(*[st.integers(GENERATION, GENERATION + 1)] * 3),
    st.tuples(*[st.integers(0, 40)] * 3),
)


def arrange(rig: Rig, config: Config, service: str) -> Hinted:
    rig.reset()
    hinted = Hinted(rig, service)
    hinted.use(config.hints, there=config.there)
    for client, backend, required in config.pushed:
        hinted.push(hinted.numbers[backend], CLIENTS[client], require=required)
    for number, state, generation in zip(
        hinted.numbers, config.states, config.generations, strict=True
    ):
        rig.world.change(service, number, state=state, generation=generation)
    rig.place()
    rig.datapath.steering.second()
    loads = rig.words("loads").view(np.uint32).reshape(-1, 4)
    loads[hinted.numbers, 1:3] = [(limit, 0) for limit in config.limits]
    return hinted


@given(configs)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_connection_lands_once_and_stays(rig: Rig, config: Config) -> None:
    hinted = arrange(rig, config, TCP4)
    up = {n for n, s in zip(hinted.numbers, config.states, strict=True) if s is State.UP}
    flows = [(client, port) for client in CLIENTS for port in (1, 2)]
    where = {flow: hinted.connect(*flow) for flow in flows}
    assert set(where.values()) <= up
    assert sum(hinted.outcomes().values()) == len(flows)
    # Whatever is learned or pushed now moves none of them.
    for flow in flows:
        assert [hinted.went(ack(*flow, b"data")) for _ in range(3)] == [where[flow]] * 3
    hinted.push(min(up), *CLIENTS)
    assert {flow: hinted.went(ack(*flow)) for flow in flows} == where
    assert sum(hinted.outcomes().values()) == len(flows)


@given(configs)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_hint_but_a_required_one_goes_beyond_a_bound(rig: Rig, config: Config) -> None:
    hinted = arrange(rig, config, UDP4)
    up = [n for n, s in zip(hinted.numbers, config.states, strict=True) if s is State.UP]
    limits = dict(zip(hinted.numbers, config.limits, strict=True))
    required = {CLIENTS[client] for client, _, required in config.pushed if required}
    went: Counter[int] = Counter()
    for port in range(10):
        for client in CLIENTS:
            frame = datagram(client, port + 1)
            number, outcome = hinted.chosen(frame)
            assert hinted.went(frame) == number
            full = went[number] >= limits[number]
            if config.hints.bound and full and outcome != "HOLDOUT" and client not in required:
                assert all(went[n] >= limits[n] for n in up), outcome
            went[number] += 1
    assert sum(hinted.outcomes().values()) == went.total()


def test_a_trace_leaves_nothing(rig: Rig) -> None:
    hinted = Hinted(rig)
    hinted.use(warm=True, learn=Learn.ALL, bound=1.5)
    hinted.push(hinted.numbers[0])
    hinted.hints.set_warmth(dict.fromkeys(hinted.numbers, 9))
    names = ("pushed", "learned", "loads", "warmths", "outcomes", "flows")
    before = [rig.words(name).tobytes() for name in names]
    for frame in (syn(), ack(), syn(nth(3)), ack(data=b"x")):
        rig.trace(frame)
    assert before == [rig.words(name).tobytes() for name in names]


def test_an_icmp_error_of_a_flow_that_is_not_known_goes_by_the_base_choice(rig: Rig) -> None:
    hinted = Hinted(rig)
    hinted.use(affinity=Affinity.CLIENT)
    base, _ = hinted.chosen(ack())
    quoted = IP(src=API4, dst=CLIENT4) / TCP(sport=WAYS["pool"].port, dport=40001)
    error = LINK / to_api(4) / ICMP(type=3, code=1) / quoted
    assert rig.trace(bytes(error)).backend == base
    assert hinted.outcomes() == {}


def test_prefixes_and_hints_go_together(rig: Rig) -> None:
    hinted = Hinted(rig)
    rig.guard({TCP4: stance({Rule.PREFIX: Level.ON, Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON})})
    put = Prefixes.of([(ip_network("10.0.0.0/24"), False), (ip_network("10.9.0.0/16"), True)])
    for hinted_first in (True, False):
        if hinted_first:
            hinted.use()
        rig.datapath.prefixes.plan(put, only=True)()
        hinted.use()
        hinted.push(hinted.numbers[0], nth(1), "10.9.0.1")
        assert hinted.chosen(syn(nth(1))) == (hinted.numbers[0], "PUSHED")
        assert rig.trace(syn("10.9.0.1")).verdict.name == "DENIED"
        assert rig.trace(syn("10.8.0.1")).verdict.name == "CHALLENGED"
        assert hinted.went(syn(nth(1))) == hinted.numbers[0]
        rig.datapath.prefixes.plan(Prefixes.of([]), only=True)()
        rig.forget_hints()
        rig.place()
        rig.forget()
    assert rig.trace(bytes(LINK / to_api(4) / tcp(1))).verdict.name == "NOT_SERVICE"
