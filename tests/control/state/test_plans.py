"""Plans change nothing by themselves, and lead from any state to the desired one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accel.control.state import plans
from accel.control.state.plans import Plan
from accel.control.state.state import State
from accel.errors import ExistsError, InvalidError, NotFoundError, RevisionError
from accel.model.address import parse_address
from accel.model.backend import Backend
from accel.model.placement import Limits
from accel.model.service import Protocol, Service

LIMITS = Limits(services=64, backends=256)
ADDRESS = parse_address("192.0.2.1", "")

Desired = tuple[list[Service], list[Backend]]


@st.composite
def desired(draw: st.DrawFn) -> Desired:
    """Up to five services of one address, each with up to four backends."""
    ports = draw(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), max_size=5))
    services = [
        Service(name=name, address=ADDRESS, port=port, protocol=Protocol.TCP)
        for name, port in ports.items()
        if list(ports.values()).count(port) == 1
    ]
    backends = [
        Backend(service=service.name, name=name, address=ADDRESS, weight=weight)
        for service in services
        for name, weight in draw(
            st.dictionaries(st.sampled_from("wxyz"), st.integers(1, 3), max_size=4)
        ).items()
    ]
    return services, backends


def after(state: State, plan: Plan) -> State:
    changes = state.stamp(plan(state))
    return state.apply(changes, LIMITS) if changes else state


def said(state: State) -> tuple[dict[str, Service], dict[tuple[str, str], Backend]]:
    """The objects without their revisions."""
    return (
        {name: replace(s, revision=0) for name, s in state.services.items()},
        {b.key: replace(b, revision=0) for b in state.every_backend()},
    )


@given(desired(), desired())
def test_apply_with_prune_makes_it_so(first: Desired, second: Desired) -> None:
    state = after(State(), plans.apply(lambda _: first, prune=True))
    state = after(state, plans.apply(lambda _: second, prune=True))
    assert said(state) == (
        {s.name: s for s in second[0]},
        {b.key: b for b in second[1]},
    )
    assert set(state.placement.services.taken) == set(state.services)
    assert set(state.placement.backends.taken) == {b.key for b in state.every_backend()}
    assert plans.apply(lambda _: second, prune=True)(state) == []


@given(desired(), desired())
def test_apply_without_prune_deletes_nothing(first: Desired, second: Desired) -> None:
    state = after(State(), plans.apply(lambda _: first, prune=True))
    kept = {s.key for s in first[0]} - {s.key for s in second[0] if s in first[0]}
    assume(not kept & {s.key for s in second[0]})
    merged = after(state, plans.apply(lambda _: second))
    assert said(merged) == (
        {s.name: s for s in (*first[0], *second[0])},
        {b.key: b for b in (*first[1], *second[1])},
    )


@given(desired(), desired())
def test_what_does_not_change_keeps_its_revision(first: Desired, second: Desired) -> None:
    before = after(State(), plans.apply(lambda _: first, prune=True))
    state = after(before, plans.apply(lambda _: second, prune=True))
    for backend in state.every_backend():
        former = before.backends.get(backend.service, {}).get(backend.name)
        same = former is not None and former.weight == backend.weight
        assert backend.revision == (former.revision if same and former else state.revision)


@given(desired())
def test_changes_are_in_an_order_that_can_be_replayed(wanted: Desired) -> None:
    empty = State()
    full = after(empty, plans.apply(lambda _: wanted, prune=True))
    for state, plan in (
        (empty, plans.apply(lambda _: wanted, prune=True)),
        (full, plans.apply(lambda _: ([], []), prune=True)),
    ):
        there = {s.name for s in state.services.values()}
        for change in plan(state):
            subject = change.subject
            if isinstance(subject, Backend):
                assert subject.service in there
            elif change.after is None:
                there.remove(subject.name)
            else:
                there.add(subject.name)


WEB = Service(name="web", address=ADDRESS, port=443, protocol=Protocol.TCP)
B1 = Backend(service="web", name="b1", address=ADDRESS)
STATE = after(State(), plans.apply(lambda _: ([WEB], [B1])))


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (plans.create_service(WEB), ExistsError),
        (plans.create_service(replace(WEB, name="x")), InvalidError),
        (plans.create_service(replace(WEB, name="x", port=1), expected_revision=1), RevisionError),
        (plans.update_service("x", lambda s: s), NotFoundError),
        (plans.update_service("web", lambda s: replace(s, port=-1)), InvalidError),
        (plans.update_service("web", lambda s: s, expected_revision=1), RevisionError),
        (plans.delete_service("x"), NotFoundError),
        (plans.delete_service("web", expected_revision=3), RevisionError),
        (plans.create_backend(B1), ExistsError),
        (plans.create_backend(replace(B1, service="x")), NotFoundError),
        (plans.create_backend(replace(B1, name="b2", weight=0)), InvalidError),
        (plans.update_backend("web", "x", lambda b: b), NotFoundError),
        (plans.update_backend("web", "b1", lambda b: replace(b, weight=0)), InvalidError),
        (plans.delete_backend("x", "b1"), NotFoundError),
        (plans.delete_backend("web", "b1", expected_revision=1), RevisionError),
        (plans.apply(lambda _: ([WEB, WEB], [])), InvalidError),
        (plans.apply(lambda _: ([], [B1]), prune=True), InvalidError),
        (plans.apply(lambda _: ([], []), expected_revision=1), RevisionError),
    ],
)
def test_what_a_plan_refuses(plan: Plan, error: type[Exception]) -> None:
    with pytest.raises(error):
        plan(STATE)


def test_a_renamed_copy_of_a_service_needs_an_address_of_its_own() -> None:
    with pytest.raises(InvalidError, match="'web' has this address") as caught:
        plans.create_service(replace(WEB, name="copy"))(STATE)
    assert caught.value.field == "service.address"


def test_placed_has_the_backends_in_order_of_their_names() -> None:
    names = ["c", "a", "b"]
    backends = [replace(B1, name=name) for name in names]
    state = after(State(), plans.apply(lambda _: ([WEB], backends)))
    placed = state.placed("web", lambda _: None)
    assert [b.backend.name for b in placed.backends] == ["a", "b", "c"]
    assert [b.number for b in placed.backends] == [2, 3, 1]
    assert placed.index == 1
