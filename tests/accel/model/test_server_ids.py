"""Server ids of backends: which ones fit the forms of their service, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accel.control.state import plans
from accel.control.state.plans import Plan
from accel.control.state.state import State
from accel.errors import CapacityError, InvalidError
from accel.model.address import parse_address
from accel.model.backend import Backend
from accel.model.hints import Hints, QuicId
from accel.model.placement import Limits
from accel.model.quic import ServerId
from accel.model.service import Protocol, Service

LIMITS = Limits(services=4, backends=8)
FORM = QuicId(rotation=0, server_id_length=2, nonce_length=4)
DNS = Service(
    name="dns",
    address=parse_address("192.0.2.1", ""),
    port=443,
    protocol=Protocol.UDP,
    hints=Hints(quic=(FORM,)),
)


def ids(*of: bytes, rotation: int = 0) -> tuple[ServerId, ...]:
    return tuple(ServerId(rotation=rotation, id=each) for each in of)


def backend(name: str, *of: bytes, service: str = "dns") -> Backend:
    address = parse_address("10.0.0.1", "")
    return Backend(service=service, name=name, address=address, server_ids=ids(*of))


def after(state: State, plan: Plan) -> State:
    return state.apply(state.stamp(plan(state)), LIMITS)


@pytest.fixture
def state() -> State:
    return after(State(), apply(DNS, backend("a", b"aa"), backend("b", b"bb")))


def apply(*found: Service | Backend, prune: bool = True) -> Plan:
    services = [s for s in found if isinstance(s, Service)]
    backends = [b for b in found if isinstance(b, Backend)]
    return plans.apply(lambda _: (services, backends), prune=prune)


def update(name: str, **fields: Any) -> Plan:
    return plans.update_backend("dns", name, lambda before: replace(before, **fields))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InvalidError) as caught:
        act()
    return caught.value.message


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (plans.create_backend(backend("c", b"aa")), "backend.server_ids.0: 6161 is the id of"),
        (plans.create_backend(backend("c", b"abc")), "backend.server_ids.0: 616263 has 3 bytes"),
        (plans.create_backend(backend("c", b"")), "backend.server_ids.0: has 0 bytes"),
        (plans.create_backend(backend("c", b"cc", b"dd")), "backend.server_ids.0: has two ids"),
        (update("a", server_ids=ids(b"bb")), "backend.server_ids.0: 6262 is the id of backend 'b'"),
        (update("a", server_ids=ids(b"aa", rotation=1)), "backend.server_ids.1: service 'dns' has"),
        (update("a", server_ids=ids(b"aa", rotation=7)), "backend.server_ids.7: there is no"),
        (apply(DNS, backend("c", b"bb"), prune=False), "backends[0].server_ids.0: 6262 is the id"),
        (
            apply(DNS, backend("c", b"cc"), backend("d", b"cc")),
            "backends[1].server_ids.0: 6363 is the id",
        ),
        (
            apply(replace(DNS, hints=Hints()), prune=False),
            "services[0].hints.quic: backend 'a' has the server ids 0:6161",
        ),
        (
            plans.update_service("dns", lambda _: replace(DNS, hints=Hints())),
            "service.hints.quic: backend 'a' has",
        ),
    ],
)
def test_what_does_not_fit_is_refused(state: State, plan: Plan, says: str) -> None:
    assert refusal(lambda: plan(state)).startswith(says)


@pytest.mark.parametrize(
    "plan",
    [
        update("a", server_ids=()),
        update("a", server_ids=ids(b"cc")),
        update("a", weight=3),
        plans.create_backend(backend("c", b"cc")),
        # Both at once, and what one gives up another one may take.
        apply(
            replace(DNS, hints=Hints(quic=(replace(FORM, server_id_length=3),))),
            backend("a", b"aaa"),
            backend("b", b"bbb"),
        ),
        apply(DNS, backend("a", b"bb"), backend("b", b"aa")),
        apply(DNS, backend("c", b"aa")),
        apply(DNS, backend("a", b"bb"), backend("b"), prune=False),
    ],
)
def test_what_fits_is_taken(state: State, plan: Plan) -> None:
    assert plan(state)


def test_another_service_may_have_the_same_ids(state: State) -> None:
    other = replace(DNS, name="other", port=1)
    state = after(state, plans.create_service(other))
    assert plans.create_backend(backend("a", b"aa", service="other"))(state)


def test_more_ids_than_the_map_holds_are_refused(state: State) -> None:
    forms = tuple(replace(FORM, rotation=r) for r in range(5))
    state = after(state, plans.update_service("dns", lambda s: replace(s, hints=Hints(quic=forms))))
    many = tuple(ServerId(rotation=r, id=b"xx") for r in range(5))
    state = after(state, update("a", server_ids=many))
    with pytest.raises(CapacityError, match=r"server ids.*--max-backends"):
        after(state, update("b", server_ids=tuple(replace(i, id=b"yy") for i in many)))
