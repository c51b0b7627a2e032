"""Token buckets: how many packets of a source and of its prefix pass, exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scapy.all import ICMP, IP, Packet

from accel.datapath.guard.actions import Level, Rule
from accel.datapath.layout import ticks_per_second
from accel.model.guard import Rate
from tests.support.guard.guarding import IPIP4, TCP4, TCP6, UDP4, proof, stance, syn
from tests.support.guard.rates import (
    LIMITED,
    SECOND,
    SLOWER,
    UDP6,
    guard,
    limited,
    passing,
    ping,
    ping6,
    query,
)
from tests.support.packets.clock import TICK
from tests.support.packets.packets import LINK, to_api, udp
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import API4, CLIENT4

QUERY = LINK / to_api(4) / udp(IPIP4.port)
PING = LINK / IP(src=CLIENT4, dst=API4) / ICMP(id=1, seq=1) / b"ping"


# Three kinds of packets that are limited: the service, whose guard it is, and how to make one.
Make = Callable[[str], bytes]
KINDS: dict[str, tuple[str, Rule, str, Make]] = {
    "UDP": (UDP4, Rule.UDP_RATE, "udp", query),
    "ICMP": (TCP4, Rule.ICMP_RATE, "icmp", ping),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
@pytest.mark.parametrize(
    ("per_second", "burst", "passed"),
    [(1, 1, 1), (1, 2, 2), (1, 7, 7), (5, 0, 5), (10, 3, 3), (50, 100, 100), (1, 60, 60)],
)
def test_a_burst_is_what_was_said(
    rig: Rig, kind: str, per_second: int, burst: int, passed: int
) -> None:
    service, rule, name, make = KINDS[kind]
    rate = {name: Rate(per_second=per_second, burst=burst)}
    guard(rig, {service: limited(rule, **rate)})
    frames = [make(CLIENT4)] * (passed + 5)
    assert passing(rig, frames, f"{kind}_RATE") == list(range(passed))


@kinds
@pytest.mark.parametrize("per_second", [1, 3, 10, 100])
def test_so_many_pass_in_the_long_run(rig: Rig, kind: str, per_second: int) -> None:
    """Sent at twice the rate for ten times a burst, which comes on top."""
    service, rule, name, make = KINDS[kind]
    rig.guard({service: limited(rule, **{name: Rate(per_second=per_second, burst=10)})})
    passed, told, owed, start = 0, 0, 0.0, rig.passed
    for _ in range(200):
        passed += rig.count(make(CLIENT4)).action != "XDP_DROP"
        owed += ticks_per_second() / (2 * per_second)
        rig.pass_time(int(owed) / ticks_per_second())  # the clock moves by whole ticks
        told, owed = told + int(owed), owed % 1
    burst = max(10, 2 * TICK * per_second // SECOND)  # what two ticks bring, at least
    a_tick = 1 + per_second // ticks_per_second()  # brings so many at once
    most = (rig.passed - start) * per_second // ticks_per_second()
    least = told * per_second // ticks_per_second() - a_tick
    assert least <= passed - burst <= most


@kinds
def test_a_token_comes_back_when_its_time_has_come(rig: Rig, kind: str) -> None:
    service, rule, name, make = KINDS[kind]
    rig.guard({service: limited(rule, **{name: Rate(per_second=1, burst=3)})})
    verdict, frame = f"{kind}_RATE", make(CLIENT4)
    assert passing(rig, [frame] * 5, verdict) == [0, 1, 2]
    rig.pass_time(0.9)
    assert passing(rig, [frame], verdict) == []
    rig.pass_time(0.2)
    assert passing(rig, [frame] * 2, verdict) == [0]
    rig.pass_time(2)
    assert passing(rig, [frame] * 4, verdict) == [0, 1]
    rig.pass_time(60)
    assert passing(rig, [frame] * 5, verdict) == [0, 1, 2], "no more than a burst is saved up"


@kinds
def test_each_source_has_its_own(rig: Rig, kind: str) -> None:
    service, rule, name, make = KINDS[kind]
    guard(rig, {service: limited(rule, **{name: Rate(per_second=1, burst=2)})})
    frames = [make(f"198.51.100.{n}") for n in range(1, 100)]
    assert passing(rig, frames * 3, f"{kind}_RATE") == list(range(2 * len(frames)))


@kinds
def test_a_prefix_has_one_for_all_of_its_sources(rig: Rig, kind: str) -> None:
    service, rule, name, make = KINDS[kind]
    rates = {name: Rate(per_second=1, burst=2), f"{name}_prefix": Rate(per_second=1, burst=5)}
    guard(rig, {service: limited(rule, **rates)})
    verdict = f"{kind}_RATE"
    frames = [make(f"198.51.100.{n // 2}") for n in range(20)]
    assert passing(rig, frames, verdict) == [0, 1, 2, 3, 4]
    assert passing(rig, [make("198.51.101.1")] * 3, verdict) == [0, 1], "of another /24"


@kinds
def test_a_prefix_alone(rig: Rig, kind: str) -> None:
    service, rule, name, make = KINDS[kind]
    guard(rig, {service: limited(rule, **{f"{name}_prefix": Rate(per_second=1, burst=4)})})
    assert passing(rig, [make(CLIENT4)] * 6, f"{kind}_RATE") == [0, 1, 2, 3]


@kinds
def test_no_rate_is_no_limit(rig: Rig, kind: str) -> None:
    service, rule, _, make = KINDS[kind]
    guard(rig, {service: limited(rule)})
    assert passing(rig, [make(CLIENT4)] * 300, f"{kind}_RATE") == list(range(300))
    assert not rig.words("paces").any()


@kinds
def test_monitor_lets_all_pass_and_notes_who_would_not(rig: Rig, kind: str) -> None:
    service, rule, name, make = KINDS[kind]
    rate = {name: Rate(per_second=1, burst=3)}
    guard(rig, {service: limited(rule, Level.MONITOR, **rate)})
    frame = make(CLIENT4)
    assert passing(rig, [frame] * 10, f"{kind}_RATE") == list(range(10))
    noted = {verdict.name: value for (_, verdict), value in rig.noted().items()}
    assert noted == {f"{kind}_RATE": (7, 7 * len(frame))}


@pytest.mark.parametrize(
    ("service", "rule", "name", "make"),
    [
        (UDP6, Rule.UDP_RATE, "udp", lambda source: query(source, 6)),
        (TCP6, Rule.ICMP_RATE, "icmp", ping6),
    ],
    ids=["UDP", "ICMP"],
)
def test_an_ipv6_source_is_a_64_and_its_prefix_a_48(
    rig: Rig, service: str, rule: Rule, name: str, make: Make
) -> None:
    verdict = rule.name
    rates = {name: Rate(per_second=1, burst=2), f"{name}_prefix": Rate(per_second=1, burst=5)}
    guard(rig, {service: limited(rule, **rates)})
    of_one_64 = [make(f"2001:db8:c::{n}") for n in range(1, 6)]
    assert passing(rig, of_one_64, verdict) == [0, 1]
    of_one_48 = [make(f"2001:db8:c:{n}::1") for n in range(1, 6)]
    assert passing(rig, of_one_48, verdict) == [0, 1, 2]
    assert passing(rig, [make(f"2001:db8:d:{n}::1") for n in range(4)], verdict) == [0, 1, 2, 3]


def rated(name: str, service: str, frame: Packet, packet: Packet, taken: Packet | None) -> Row:
    """The second packet of a source that may send one."""
    rates = {n: Rate(per_second=1, burst=1) for n in ("syn", "udp", "icmp")}
    levels = {**LIMITED, Rule.UDP_RATE: Level.ON, Rule.ICMP_RATE: Level.ON}
    return Row(
        name=f"the second {name}",
        packet=packet,
        verdict=f"{name}_RATE",
        service="" if name == "ICMP" else service,
        backend=0,
        before=(*((taken,) if taken else ()), frame),
        guards={service: stance(levels, **rates)},
    )


ROWS = [
    rated("SYN", TCP4, syn(), syn(port=50000), proof()),
    rated("UDP", UDP4, QUERY, QUERY, None),
    rated("ICMP", TCP4, PING, PING, None),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


# The word of a bucket


def test_an_explained_packet_takes_no_token(rig: Rig) -> None:
    guard(rig, {UDP4: limited(Rule.UDP_RATE, udp=Rate(per_second=1, burst=1))})
    for _ in range(10):
        assert rig.trace(query()).verdict.name == "FORWARD_NEW"
    assert not rig.words("paces").any()


def test_the_clock_may_turn_over_meanwhile(rig: Rig) -> None:
    """A burst of nearly all that the clock can say: whenever this runs, it turns over."""
    rig.guard({UDP4: limited(Rule.UDP_RATE, udp=Rate(per_second=1, burst=1))})
    half = (1 << 31) - 1
    guard = rig.words("guards").reshape(-1, 8)[rig.world.services[UDP4].index]
    guard.view(np.uint32)[4 + 4 : 4 + 6] = half, half
    assert passing(rig, [query()] * 20, "UDP_RATE") == [0, 1]


def test_a_source_that_was_away_for_long_starts_anew(rig: Rig) -> None:
    rig.guard({UDP4: limited(Rule.UDP_RATE, udp=Rate(per_second=1, burst=3))})
    wrap = (1 << 32) / SECOND
    for away in (wrap / 4, wrap / 2 - 5, wrap / 2 + 5, wrap * 3 / 4, wrap - 60):
        assert passing(rig, [query()] * 4, "UDP_RATE") == [0, 1, 2], away
        rig.pass_time(away)


def test_sources_and_prefixes_are_a_word_each(rig: Rig) -> None:
    rates = {"udp": Rate(per_second=1, burst=9), "udp_prefix": Rate(per_second=1, burst=9)}
    guard(rig, {UDP4: limited(Rule.UDP_RATE, **rates)})
    for source in ("198.51.100.7", "198.51.100.7", "198.51.100.8", "198.51.101.7"):
        rig.count(query(source))
    assert (rig.words("paces") != 0).sum() == 3 + 2


def test_a_crowd_of_others_does_not_give_a_heavy_source_its_tokens_back(rig: Rig) -> None:
    guard(rig, {UDP4: limited(Rule.UDP_RATE, udp=Rate(per_second=1, burst=60))})
    assert passing(rig, [query()] * 62, "UDP_RATE") == list(range(60))
    size = len(rig.words("paces"))
    for n in range(2 * size):
        if n == size:
            rig.pass_time(2.5 * SLOWER)  # those that came first have their tokens back by then
        rig.count(query(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"))
    assert (rig.words("paces") != 0).mean() > 0.9
    assert passing(rig, [query()] * 4, "UDP_RATE") == [0, 1]
