"""What the data path is told to do, by what is configured and is going on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accel.control.guard.actions import Phase, least_mtu, stance_of
from accel.datapath.guard.actions import Level, Rule
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardLevel, GuardMode, Policy, Rate, SourceRate
from tests.support.guard.objects import placed

QUIET, LINGER = Phase(), Phase(lingering=True)
FIRST, ATTACK = Phase(answering=True), Phase(answering=True, strays=True)
RATED = SourceRate(level=GuardLevel.ATTACK, source=Rate(per_second=20))


def levels(guard: Guard, phase: Phase, *, prefixes: bool = True) -> dict[str, str]:
    """Rules that are not off."""
    stance = stance_of(placed("web", 1, guard), phase, prefixes=prefixes)
    return {rule.name.lower(): level.name.lower() for rule, level in stance.levels.items() if level}


@pytest.mark.parametrize(
    ("policy", "phase", "expected"),
    [
        (Policy.OFF, QUIET, {}),
        (Policy.OFF, LINGER, {"syn": "linger"}),
        (
            Policy.MONITOR,
            QUIET,
            {"syn": "monitor", "unknown": "monitor", "flags": "monitor", "fragment": "monitor"},
        ),
        (Policy.AUTO, QUIET, {}),
        (Policy.AUTO, FIRST, {"syn": "on", "flags": "on", "fragment": "on"}),
        (Policy.AUTO, ATTACK, {"syn": "on", "unknown": "on", "flags": "on", "fragment": "on"}),
        (Policy.AUTO, LINGER, {"syn": "linger"}),
        (Policy.ALWAYS, ATTACK, {"syn": "on", "unknown": "on", "flags": "on", "fragment": "on"}),
    ],
)
def test_levels_by_policy_and_phase(policy: Policy, phase: Phase, expected: dict[str, str]) -> None:
    assert levels(Guard(policy=policy), phase, prefixes=False) == expected
    assert levels(Guard(policy=policy), phase) == {**expected, "prefix": "on"}


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("phase", [QUIET, FIRST, ATTACK])
def test_levels_that_do_not_wait_for_an_attack(policy: Policy, phase: Phase) -> None:
    guard = Guard(
        policy=policy,
        flags=GuardLevel.ON,
        fragments=GuardLevel.OFF,
        unknown=GuardLevel.MONITOR,
        icmp_rate=replace(RATED, level=GuardLevel.ON),
        udp_rate=SourceRate(level=GuardLevel.ON),
    )
    found = levels(guard, phase, prefixes=False)
    found.pop("syn", None)
    assert found == {"flags": "on", "unknown": "monitor", "icmp_rate": "on"}


def test_rates_are_in_their_places() -> None:
    prefix = Rate(per_second=100, burst=7)
    guard = Guard(policy=Policy.ALWAYS, syn_rate=replace(RATED, prefix=prefix))
    stance = stance_of(placed("web", 1, guard), ATTACK)
    assert stance.levels[Rule.SYN_RATE] is Level.ON
    assert stance.rates == (Rate(per_second=20), prefix, Rate(), Rate(), Rate(), Rate())
    assert stance_of(placed("web", 1, guard), QUIET).idle


@pytest.mark.parametrize(
    ("mode", "version", "fits"),
    [
        (Mode.IPIP, 4, 1480),
        (Mode.IPIP, 6, 1460),
        (Mode.GUE, 4, 1472),
        (Mode.GUE, 6, 1452),
        (Mode.L2DSR, 4, 1500),
    ],
)
def test_cookies_announce_what_fits_on_the_way_to_every_backend(
    mode: Mode, version: int, fits: int
) -> None:
    service = placed("web", 1, Guard(policy=Policy.ALWAYS), mode=mode, version=version, backends=2)
    assert least_mtu(service) == fits
    narrow = replace(service.backends[0], next_hop=replace(service.backends[0].next_hop, mtu=1400))  # type: ignore[type-var]
    both = replace(service, backends=(*service.backends, narrow))
    assert least_mtu(both) == fits - 100
    stance = stance_of(both, ATTACK)
    assert stance.mss == {4: fits - 140, 6: fits - 160}
    assert stance.mode is GuardMode.AUTH


def test_without_a_next_hop_the_usual_is_announced() -> None:
    assert least_mtu(placed("web", 1, Guard(), backends=0)) == 1500
