"""When an attack begins and ends, and what is learned, whatever the rates are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.control.guard import detector
from accel.control.guard.detector import Alarm, Thresholds, step, thresholds_of
from accel.control.guard.monitor import Attacks
from accel.control.guard.rates import SHORT, GuardRates
from accel.control.report.watch import Attack
from accel.datapath.guard.counts import Counted
from accel.model.guard import Guard, Policy
from tests.support.guard.objects import placed

LIMITS = Thresholds(on=10_000, off=2_000, ceiling=40_000)
TICK = 0.1
FIRM = np.zeros(1, np.bool_)


def row(**counts: float) -> detector.Floats:
    found = np.zeros((1, len(Counted)))
    for name, value in counts.items():
        found[0, Counted[name]] = value
    return found


@given(
    st.lists(st.tuples(st.floats(0, 30_000), st.floats(0, 100_000)), max_size=300),
    st.integers(1, 5),
)
def test_it_never_flaps_faster_than_hold(rates: list[tuple[float, float]], hold: int) -> None:
    alarm, ended_after = Alarm(), []
    for tick, (excess, total) in enumerate(rates):
        now = tick * TICK
        before = alarm
        alarm = step(alarm, excess=excess, total=total, limits=LIMITS, hold=hold, now=now)
        if not before.attack:
            assert alarm.attack == (excess >= LIMITS.on or total >= LIMITS.ceiling)
        elif excess >= LIMITS.off:
            assert alarm.attack
        elif not alarm.attack:
            ended_after.append(now - before.since)
            # Nothing but calm for as long as it holds.
            since = now - hold + TICK
            calm = [e for i, (e, _) in enumerate(rates[: tick + 1]) if i * TICK >= since]
            assert max(calm) < LIMITS.off
    assert all(seconds >= hold - 1e-9 for seconds in ended_after)


@given(st.integers(0, 10_000), st.integers(1, 1_000_000))
def test_thresholds_are_in_order_whatever_was_learned(on_rate: int, quiet: int) -> None:
    limits = thresholds_of(Guard(on_rate=on_rate), quiet)
    assert 0 < limits.off < limits.on < limits.ceiling
    assert limits.ceiling >= 4 * quiet
    assert limits.on == on_rate or (not on_rate and limits.on >= 10_000)


def test_thresholds_by_default_and_learned() -> None:
    assert thresholds_of(Guard(), 0) == LIMITS
    assert thresholds_of(Guard(), 5_000) == LIMITS
    assert thresholds_of(Guard(), 30_000) == Thresholds(
        on=15_000, off=3_000, ceiling=120_000, learned=True
    )
    assert thresholds_of(Guard(on_rate=500, off_rate=400), 0) == Thresholds(
        on=500, off=400, ceiling=2_000
    )


@pytest.mark.parametrize(
    ("counts", "excess"),
    [
        ({"SYN": 5000, "NEW": 5000}, 0),  # clients
        ({"SYN": 90_000, "NEW": 5000}, 85_000),  # a SYN flood among them
        ({"SYN": 5000, "NEW": 90_000}, 85_000),  # an ACK flood
        ({"SYN": 50_000, "NEW": 50_000}, 0),  # a mixed one: the total tells
        # Under attack: clients that answer,
        ({"CHALLENGED": 700, "PROVEN": 700, "SYN": 5000, "NEW": 5000}, 0),
        ({"FIRST_SYN": 700, "SYN": 5000, "NEW": 5000}, 0),
        ({"COOKIE": 700, "ANSWERED": 700, "NEW": 700}, 0),
        ({"COOKIE": 700, "ANSWERED": 700, "SYN": 100, "NEW": 800}, 0),
        # and a flood that does not.
        ({"CHALLENGED": 90_700, "PROVEN": 700, "SYN": 700, "NEW": 700}, 90_000),
        ({"FIRST_SYN": 90_000, "SYN": 700, "NEW": 700}, 89_300),
        ({"COOKIE": 90_000, "ANSWERED": 700, "NEW": 700}, 89_300),
        ({"UNKNOWN_FLOW": 10, "BAD_COOKIE": 200, "BAD_FLAGS": 3000, "SYN_RATE": 40_000}, 43_210),
        ({"PROVEN": 90_000}, 0),
    ],
)
def test_excess(counts: dict[str, float], excess: float) -> None:
    assert detector.excess_of(row(**counts), FIRM)[0] == excess


def test_flows_that_a_new_data_path_does_not_know_are_no_strays() -> None:
    settling = ~FIRM
    many = row(SYN=1000, NEW=500_000)
    assert detector.excess_of(many, settling)[0] == 0
    assert detector.total_of(many, settling)[0] == 2000
    assert detector.excess_of(row(SYN=50_000, NEW=1000), settling)[0] == 49_000


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.floats(0.1, 10),
    st.sampled_from([0.0, *detector.DOUBLES_IN.values()]),
)
def test_what_is_learned_grows_slowly_unless_it_is_proven(
    quiet: float, total: float, seconds: float, doubles_in: float
) -> None:
    after = detector.learn(quiet, total, seconds=seconds, doubles_in=doubles_in, base=10_000)
    assert after <= max(quiet, total)
    assert after >= 0.999 * quiet
    if not doubles_in:
        assert after >= total
    else:
        assert after <= max(quiet, 10_000) * 1.01


def test_a_flood_that_grows_is_no_lesson() -> None:
    for policy, quiet in ((Policy.AUTO, 40_000), (Policy.MONITOR, 80_000)):
        learned = 20_000.0
        for _ in range(3600):
            learned = detector.learn(
                learned,
                10 * learned,
                seconds=1,
                doubles_in=detector.DOUBLES_IN[policy],
                base=10_000,
            )
        assert learned == pytest.approx(quiet, rel=0.01)


class Traffic:
    """Attacks of one service, tick by tick."""

    def __init__(self, guard: Guard) -> None:
        self.now = 100.0
        self.attacks = Attacks(self.now)
        self.counts = np.zeros((1, len(Counted)), np.int64)
        self.services = (placed("web", 3, guard),)
        self.attacks.watch(self.services)
        self.events: list[Attack] = []
        self.tick()

    def tick(self, **rates: float) -> list[Attack]:
        """A tenth of a second at these rates per second."""
        self.now += TICK
        self.counts = self.counts + (row(**rates) * TICK).astype(np.int64)
        found = self.attacks.count(self.counts, self.now)
        self.events += found
        return found

    def ticks_until_an_event(self, most: int, **rates: float) -> int:
        return next(n for n in range(1, most + 1) if self.tick(**rates))


AUTO = Guard(policy=Policy.AUTO, hold=2)


@pytest.mark.parametrize(
    ("flood", "ticks"),
    [
        ({"SYN": 10_500}, SHORT),
        ({"SYN": 60_000}, 1),
        ({"NEW": 60_000}, 1),
        ({"SYN": 20_500, "NEW": 20_500}, SHORT),
    ],
)
def test_it_is_on_within_three_ticks(flood: dict[str, float], ticks: int) -> None:
    traffic = Traffic(AUTO)
    for _ in range(20):
        assert not traffic.tick(SYN=100, NEW=100)
    assert traffic.ticks_until_an_event(SHORT, **flood) <= ticks
    assert traffic.events[0].started


def test_it_is_off_after_hold_and_says_how_it_was() -> None:
    traffic = Traffic(AUTO)
    traffic.ticks_until_an_event(3, SYN=100_000)
    for _ in range(50):
        assert not traffic.tick(CHALLENGED=300_000)
    assert traffic.attacks.under("web")
    ticks = traffic.ticks_until_an_event(40, CHALLENGED=100, PROVEN=100, SYN=100, NEW=100)
    assert 20 <= ticks <= 20 + SHORT
    assert traffic.attacks.under("web") is None
    end = traffic.events[-1]
    assert (end.service, end.started, end.monitored) == ("web", False, False)
    assert end.excess == pytest.approx(300_000, rel=0.01)
    assert end.seconds == pytest.approx(7.0, abs=0.5)


def test_clients_that_passed_the_guard_are_learned_and_do_not_set_it_off_again() -> None:
    traffic = Traffic(AUTO)
    busy = {"SYN": 50_000, "NEW": 50_000}
    traffic.ticks_until_an_event(3, **busy)
    traffic.ticks_until_an_event(100, CHALLENGED=1000, PROVEN=1000, **busy)
    for _ in range(600):
        assert not traffic.tick(**busy)
    limits = traffic.attacks.thresholds(traffic.services[0].service)
    assert limits.learned
    assert limits.ceiling == pytest.approx(400_000, rel=0.05)


def test_monitor_learns_and_reports() -> None:
    traffic = Traffic(replace(AUTO, policy=Policy.MONITOR))
    assert traffic.tick(SYN=100_000)[0].monitored
    for _ in range(60):
        traffic.tick(SYN=30_000, NEW=30_000)
    assert traffic.attacks.quiet["web"] == pytest.approx(10_000, rel=0.01)
    for _ in range(10 * 600):  # ten minutes
        traffic.tick(SYN=30_000, NEW=30_000)
    assert 11_000 < traffic.attacks.quiet["web"] < 13_000


def test_a_change_of_services_loses_no_count() -> None:
    web, dns = placed("web", 3, AUTO), placed("dns", 4, AUTO)
    rates = GuardRates((web,))
    rates.add(row(SYN=1000).astype(np.int64), 1.0)
    rates.add(row(SYN=1500).astype(np.int64), 1.1)
    both = rates.renewed((dns, web))
    both.add(np.vstack([row(SYN=7_000_000), row(SYN=2000)]).astype(np.int64), 1.2)
    found = both.per_second(2)
    assert found[:, Counted.SYN].tolist() == pytest.approx([0, 5000])
    both.add(np.vstack([row(SYN=7_000_100), row(SYN=3)]).astype(np.int64), 1.3)
    assert both.per_second(1)[:, Counted.SYN].tolist() == pytest.approx([1000, 0])
