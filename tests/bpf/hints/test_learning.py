"""Hints that the data path learns: from whom, for how long, and from whom not."""

from __future__ import annotations

import numpy as np
import pytest

from accel.datapath.guard.actions import Level, Rule
from accel.model.backend import State
from accel.model.hints import Affinity, Kind, Learn
from tests.support.guard.guarding import ATTACKED, JUST_ATTACKED, WATCHED, stance
from tests.support.hints.hinting import TCP4, TCP6, UDP4, Hinted, ack, datagram, nth, syn
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT6

TRUE, SPOOFED = 300, 20_000


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    hinted = Hinted(rig)
    hinted.use(there=Kind(0), learn=Learn.ALL)
    return hinted


def learned(hinted: Hinted) -> int:
    return int(hinted.hints.learned_per_backend().sum())


def test_two_packets_with_payload_teach_a_hint(hinted: Hinted) -> None:
    number = hinted.connect()
    hinted.rig.count(ack(data=b"hello"))
    assert hinted.seen() is None
    hinted.rig.count(ack(data=b"again"))
    seen = hinted.seen()
    assert seen
    assert (seen.number, seen.require) == (number, False)
    counts = hinted.hints.counts(hinted.index)
    assert (counts.learned, counts.refreshed, counts.unlearned) == (1, 0, 0)


def test_a_client_that_returns_from_another_port_lands_where_it_was(hinted: Hinted) -> None:
    for client in map(nth, range(40)):
        number = hinted.talk(client)
        for port in range(50000, 50005):
            assert hinted.chosen(syn(client, port)) == (number, "LEARNED")
            assert hinted.connect(client, port) == number


@pytest.mark.parametrize("service", [TCP6, UDP4])
def test_over_ipv6_and_udp_too(rig: Rig, service: str) -> None:
    hinted = Hinted(rig, service)
    hinted.use(there=Kind(0), learn=Learn.ALL)
    if service == TCP6:
        number = hinted.talk(CLIENT6)
        assert hinted.chosen(syn(CLIENT6, 2)) == (number, "LEARNED")
        return
    number = hinted.went(datagram())
    for _ in range(2):
        assert hinted.seen() is None
        hinted.rig.count(datagram())
    assert hinted.chosen(datagram(port=2)) == (number, "LEARNED")


def test_nothing_is_learned_of_what_says_nothing(hinted: Hinted) -> None:
    number = hinted.connect()
    for _ in range(5):
        assert hinted.went(ack()) == number
        assert hinted.went(syn()) == number
    assert learned(hinted) == 0


def test_nothing_is_learned_of_one_packet_each(hinted: Hinted) -> None:
    for port in range(100):
        hinted.connect(port=1000 + port)
        hinted.rig.count(ack(port=1000 + port, data=b"once"))
    assert learned(hinted) == 0


def test_a_flow_is_learned_from_once(hinted: Hinted) -> None:
    hinted.talk()
    hinted.rig.words("learned")[:] = 0
    for _ in range(10):
        hinted.rig.count(ack(data=b"more"))
    assert learned(hinted) == 0


def test_off_learns_nothing(hinted: Hinted) -> None:
    hinted.use(learn=Learn.OFF)
    hinted.talk()
    assert learned(hinted) == 0


def test_a_service_without_hints_is_not_learned_from(rig: Rig, hinted: Hinted) -> None:
    Hinted(rig, TCP6).talk(CLIENT6)
    assert learned(hinted) == 0


def test_the_held_out_are_not_learned_from(hinted: Hinted) -> None:
    hinted.use(learn=Learn.ALL, holdout=100)
    hinted.talk()
    assert learned(hinted) == 0
    assert hinted.outcomes() == {"HOLDOUT": 1}


def test_of_exceptions_only_who_is_elsewhere_is_learned(hinted: Hinted) -> None:
    hinted.use(learn=Learn.EXCEPTIONS, affinity=Affinity.CLIENT)
    base = hinted.talk()
    assert learned(hinted) == 0
    elsewhere = next(n for n in hinted.numbers if n != base)
    hinted.push(elsewhere)
    assert hinted.talk(port=2) == elsewhere
    seen = hinted.seen()
    assert seen
    assert seen.number == elsewhere


@pytest.mark.parametrize("levels", [ATTACKED, {Rule.SYN: Level.ON}])
def test_under_attack_nothing_is_learned(hinted: Hinted, levels: dict[Rule, Level]) -> None:
    hinted.connect()
    hinted.rig.guard({TCP4: stance(levels)})
    for _ in range(3):
        hinted.rig.count(ack(data=b"data"))
    assert learned(hinted) == 0
    assert hinted.hints.counts(hinted.index).unlearned == 1


@pytest.mark.parametrize("levels", [WATCHED, JUST_ATTACKED, {}])
def test_while_all_is_quiet_it_is(hinted: Hinted, levels: dict[Rule, Level]) -> None:
    hinted.rig.guard({TCP4: stance(levels)})
    hinted.talk()
    assert learned(hinted) == 1


def test_under_attack_nothing_is_prolonged(hinted: Hinted) -> None:
    hinted.talk()
    hinted.set_times("learned", 50)
    hinted.rig.guard({TCP4: stance({Rule.UNKNOWN: Level.MONITOR, Rule.SYN: Level.ON})})
    hinted.rig.count(syn(port=2))
    assert_left(hinted, 48, 50)


def assert_left(hinted: Hinted, least: int, most: int) -> None:
    seen = hinted.seen()
    assert seen
    assert least <= seen.seconds <= most


def test_a_hint_lives_on_with_its_client_but_ends(hinted: Hinted) -> None:
    hinted.use(learn=Learn.ALL, lifetime=100, longest=1000)
    hinted.talk()
    assert_left(hinted, 99, 100)
    words = hinted.rig.words("learned").reshape(-1, 2)
    end = int(words[words[:, 0] != 0][0, 1]) >> 32
    assert 1000 - 1000 // 8 - 1 <= end - hinted.hints.now() <= 1000
    hinted.set_times("learned", 5, 60)
    hinted.talk(port=2)
    assert hinted.hints.counts(hinted.index).refreshed == 1
    assert_left(hinted, 59, 60)


def test_a_hint_past_its_time_is_no_hint_and_is_learned_anew(hinted: Hinted) -> None:
    hinted.talk()
    for until, outcome in ((0, "LEARNED_EXPIRED"), (3, "LEARNED"), (-5, "LEARNED_EXPIRED")):
        hinted.set_times("learned", until)
        assert hinted.chosen(syn(port=2))[1] == outcome
    hinted.talk(port=2)
    assert hinted.hints.counts(hinted.index).learned == 2
    assert learned(hinted) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": State.DOWN}, "DOWN"),
        ({"state": State.DRAIN}, "DOWN"),
        ({"generation": 9}, "STALE"),
        ({"next_hop": False}, "DOWN"),
    ],
)
def test_a_learned_hint_is_refused_as_others_are(
    hinted: Hinted, change: dict[str, object], why: str
) -> None:
    number = hinted.talk()
    hinted.rig.world.change(TCP4, number, **change)  # type: ignore[arg-type]
    hinted.rig.place()
    chosen, outcome = hinted.chosen(syn(port=2))
    assert outcome == f"LEARNED_{why}"
    assert hinted.talk(port=2) == chosen
    seen = hinted.seen()
    assert seen
    assert seen.number == chosen


def test_what_is_pushed_comes_before_what_is_learned(hinted: Hinted) -> None:
    hinted.use(learn=Learn.ALL)
    number = hinted.talk()
    wanted = next(n for n in hinted.numbers if n != number)
    hinted.push(wanted)
    assert hinted.chosen(syn(port=2)) == (wanted, "PUSHED")
    assert hinted.seen(Kind.LEARNED)


def test_spoofed_packets_plant_nothing_and_leave_true_entries_alone(hinted: Hinted) -> None:
    where = {client: hinted.talk(client) for client in map(nth, range(TRUE))}
    kept = hinted.rig.words("learned").copy()
    rng = np.random.default_rng(4)
    for i in range(SPOOFED):
        client = f"172.{rng.integers(256)}.{rng.integers(256)}.{rng.integers(256)}"
        hinted.rig.count(syn(client) if i % 2 else ack(client))
    assert np.array_equal(kept, hinted.rig.words("learned"))
    found = sum(hinted.chosen(syn(c, 2)) == (n, "LEARNED") for c, n in where.items())
    assert found == learned(hinted) > 0.9 * TRUE


def test_a_full_map_of_learned_hints_loses_those_that_end_first(hinted: Hinted) -> None:
    room = hinted.rig.words("learned").size // 2
    for client in map(nth, range(2 * room)):
        hinted.talk(client)
    assert learned(hinted) <= room
    late = nth(2 * room - 1)
    assert hinted.chosen(syn(late, 2))[1] == "LEARNED"
