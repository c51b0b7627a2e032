"""The guard as a part, with no other part beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from accel.control.gateway.part import Write
from accel.control.guard.guards import Guards
from accel.control.guard.part import GuardPart
from accel.control.guard.requirements import HostNeeds
from accel.control.guard.samples import KeptSamples
from accel.control.report.watch import Hub
from accel.control.state.state import Change, State
from accel.errors import HostError
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode
from accel.model.guard import Guard, GuardMode, Policy
from accel.model.placement import Limits
from accel.model.service import Protocol, Service
from tests.support.daemon.fake_guards import FakeGuards

WEB = Service(
    name="web",
    address=parse_address("192.0.2.1", ""),
    port=443,
    protocol=Protocol.TCP,
    guard=Guard(policy=Policy.ALWAYS),
)
LIMITS = Limits(services=8, backends=16)


class Rates:
    """What was learned, in memory."""

    def __init__(self, rates: Mapping[str, float]) -> None:
        self.rates = dict(rates)
        self.writes = 0

    def quiet_rates(self) -> Mapping[str, float]:
        return self.rates

    def set_quiet_rates(self, rates: Mapping[str, float]) -> None:
        self.rates = dict(rates)
        self.writes += 1


async def exclusively(act: Callable[[], Any]) -> Any:
    return act()


def part(maps: FakeGuards, rates: Rates) -> GuardPart:
    return GuardPart(
        guards=Guards(maps, (), linger=60, host=HostNeeds(missing=lambda mode: None)),
        samples=KeptSamples(maps),
        maps=maps,
        store=rates,
        hub=Hub(),
        state=State,
        exclusively=exclusively,
    )


def write(*after: Service | Backend) -> Write:
    changes = [Change(before=None, after=each) for each in after]
    state = State().apply(changes, LIMITS)
    placed = [state.placed(name, lambda _: None) for name in state.services]
    return Write(before=State(), after=state, changes=changes, services=placed)


def test_a_write_sets_what_guards_do_and_a_removal_forgets_it() -> None:
    maps = FakeGuards()
    guard = part(maps, Rates({}))
    guard.carry_out(write(WEB))
    assert not maps.stances[1].idle
    maps.stances.clear()
    guard.carry_out(Write(before=State(), after=State(), removed=[1]))
    assert maps.stances == {}
    assert guard.sync(write(replace(WEB, guard=Guard())).services) == 1
    assert maps.stances[1].idle


def test_it_refuses_what_the_host_cannot_do() -> None:
    local = replace(WEB, guard=Guard(policy=Policy.AUTO, mode=GuardMode.COOKIE_LOCAL))
    far = Backend(service="web", name="b1", address=parse_address("10.0.0.1", ""))
    near = replace(far, mode=Mode.LOCAL)
    guard = part(FakeGuards(), Rates({}))
    guard.check(write(local, near))
    with pytest.raises(HostError, match="connections that end on this host"):
        guard.check(write(local, far))


def test_what_was_learned_is_stored_once() -> None:
    rates = Rates({"web": 500.0, "gone": 9.0})
    guard = part(FakeGuards(), rates)
    asyncio.run(guard.start(write(WEB).after))
    guard.carry_out(write(WEB))
    asyncio.run(guard.stop())
    assert (rates.rates, rates.writes) == ({"web": 500.0}, 1)
    asyncio.run(guard.stop())
    assert rates.writes == 1, "nothing new"
