"""Every verdict of a guard is explained, with what would let the packet through."""

from __future__ import annotations

import pytest

from accel.explain import guard as explain_guard
from accel.model.guard import UNGUARDED, Guard, GuardLevel, GuardMode, Policy, Rate, SourceRate
from accel.verdicts import Verdict

OF_GUARDS = [v for v in Verdict if v >= Verdict["DENIED"]]


def text(name: str, guard: Guard) -> str:
    return " ".join(explain_guard.steps(Verdict[name], guard))


@pytest.mark.parametrize("verdict", OF_GUARDS)
@pytest.mark.parametrize("mode", GuardMode)
def test_what_a_guard_keeps_out_has_a_reason_and_a_way(verdict: Verdict, mode: GuardMode) -> None:
    guard = Guard(mode=mode, policy=Policy.AUTO, syn_rate=SourceRate(source=Rate(per_second=5)))
    found = explain_guard.steps(verdict, guard)
    assert found
    assert all(step.endswith(".") for step in found)
    if verdict.name != "PROVEN":
        assert "What would let" in found[-1]


def test_what_is_not_its_doing_has_none() -> None:
    for verdict in set(Verdict) - set(OF_GUARDS):
        assert explain_guard.steps(verdict, Guard(policy=Policy.ALWAYS)) == []
        monitored = explain_guard.steps(verdict, Guard(policy=Policy.MONITOR))
        assert bool(monitored) == verdict.forward


def test_what_is_said() -> None:
    always = Guard(policy=Policy.ALWAYS)
    assert "mode auth, since its policy is always" in text("CHALLENGED", always)
    assert "since there is an attack" in text("COOKIE", Guard(policy=Policy.AUTO))
    assert "proven, until it is silent for 17 minutes" in text("PROVEN", always)
    assert "unknown is on" in text("UNKNOWN_FLOW", Guard(unknown=GuardLevel.ON))
    assert "unknown is attack" in text("BAD_COOKIE", UNGUARDED)
    assert "flags at level monitor" in text("BAD_FLAGS", UNGUARDED)
    rate = SourceRate(source=Rate(per_second=5), prefix=Rate(per_second=90))
    assert "5 per second of a source and 90 per second of a /24" in text(
        "SYN_RATE", Guard(syn_rate=rate)
    )
