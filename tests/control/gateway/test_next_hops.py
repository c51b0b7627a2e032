"""Next hops come, go and change while the daemon runs."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from accel.nexthop.path_mtu import TooBig
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.control.api.test_watch import watching
from tests.support.daemon.here import Here
from tests.support.daemon.objects import backend, service, web

FIRST = ipaddress.ip_address("10.0.0.1")
SECOND = ipaddress.ip_address("10.0.0.2")


def hops_in_data_path(here: Here) -> dict[str, bool]:
    """By backend's name, whether the data path has a next hop."""
    return {
        b.backend.name: b.next_hop is not None
        for placed in here.data_path.steering.services.values()
        for b in placed.backends
    }


def mtus_in_data_path(here: Here) -> dict[str, int]:
    return {
        b.backend.name: b.next_hop.mtu
        for placed in here.data_path.steering.services.values()
        for b in placed.backends
        if b.next_hop is not None
    }


def hop_of(here: Here, name: str) -> model_pb2.NextHop:
    """As GetBackend tells it."""
    request = pb.GetBackendRequest(service="web", name=name)
    hop: model_pb2.NextHop = here.stub.GetBackend(request).backend.next_hop
    return hop


def too_big(**changed: Any) -> TooBig:
    """What a router says of an IPIP packet to FIRST, unless changed."""
    said: dict[str, Any] = {
        "source": "10.0.0.1",
        "destination": str(FIRST),
        "protocol": 4,
        "port": 0,
        "mtu": 1400,
    }
    said |= changed
    for name in ("source", "destination"):
        said[name] = ipaddress.ip_address(said[name])
    return TooBig(router=ipaddress.ip_address("10.0.0.254"), **said)


@contextlib.contextmanager
def held(here: Here, call: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Every `call` of steering sets the first event and waits for the second."""
    begun, go_on = threading.Event(), threading.Event()
    real = getattr(here.data_path.steering, call)

    def waiting(*arguments: object) -> object:
        begun.set()
        assert go_on.wait(10)
        return real(*arguments)

    setattr(here.data_path.steering, call, waiting)
    try:
        yield begun, go_on
    finally:
        go_on.set()
        delattr(here.data_path.steering, call)


def test_the_addresses_of_backends_are_followed(here: Here) -> None:
    here.stub.Apply(web())
    assert here.follower.followed == {FIRST, SECOND}
    here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend("twin")))
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1"))
    assert here.follower.followed == {FIRST, SECOND}
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="twin"))
    assert here.follower.followed == {SECOND}
    here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend("b2", address="10.0.0.3")))
    assert here.follower.followed == {ipaddress.ip_address("10.0.0.3")}


def test_a_lost_next_hop_reaches_data_path_list_and_watch(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.stub.Apply(web())
    caplog.set_level(logging.INFO)
    with watching(here) as stream:
        here.run(lambda: here.follower.move(FIRST))
        event = next(stream)
        assert (event.revision, event.change.kind) == (2, pb.CHANGE_KIND_NEXT_HOP)
        assert event.change.backend_before.next_hop.resolved
        assert "ARP" in event.change.backend_after.next_hop.problem
        assert event.change.backend_after.name == "b1"
        assert hops_in_data_path(here) == {"b1": False, "b2": True}
        found = here.stub.GetBackend(pb.GetBackendRequest(service="web", name="b1")).backend
        assert found.next_hop == event.change.backend_after.next_hop
        assert "no next hop for backends at 10.0.0.1: 10.0.0.1 does not answer" in caplog.text
        here.run(lambda: here.follower.move(FIRST))
        assert next(stream).change.backend_after.next_hop.resolved
        assert hops_in_data_path(here) == {"b1": True, "b2": True}
        assert "next hop of 10.0.0.1 is 02:00:00:00:00:01 on lo" in caplog.text


def test_an_address_that_several_backends_have_moves_them_all(here: Here) -> None:
    here.stub.Apply(
        pb.ApplyRequest(
            services=[service(), service("api", port=80)],
            backends=[backend(), backend("b9", service="api")],
        )
    )
    with watching(here) as stream:
        here.run(lambda: here.follower.move(FIRST))
        assert {next(stream).change.backend_after.name for _ in range(2)} == {"b1", "b9"}
    assert hops_in_data_path(here) == {"b1": False, "b9": False}


def test_an_unknown_next_hop_is_a_problem_and_a_warning(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.stub.Apply(web())
    made = here.stub.CreateBackend(
        pb.CreateBackendRequest(backend=backend("far", address="10.99.0.1"))
    ).backend
    assert (made.next_hop.resolved, made.next_hop.problem) == (
        False,
        "10.99.0.1 does not answer ARP on eth9",
    )
    assert hops_in_data_path(here)["far"] is False
    here.run(here.hops.warn_of_new)
    assert "no next hop for backends at 10.99.0.1" in caplog.text


def test_the_log_of_many_is_short(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    many = [backend(f"f{i}", address=f"10.99.0.{i + 1}") for i in range(13)]
    here.stub.Apply(pb.ApplyRequest(services=[service()], backends=many))
    here.run(here.hops.warn_of_new)
    assert caplog.text.count("no next hop for backends at") == 10
    assert "and 3 more addresses" in caplog.text


def test_mode_local_needs_no_next_hop(here: Here) -> None:
    local = backend("here", address="10.99.0.1", mode=model_pb2.MODE_LOCAL)
    here.stub.Apply(pb.ApplyRequest(services=[service()], backends=[local]))
    assert not here.follower.followed
    found = here.stub.GetBackend(pb.GetBackendRequest(service="web", name="here")).backend
    assert found.next_hop == model_pb2.NextHop(resolved=True)
    # From local to another mode it needs one.
    far = backend("here", address="10.99.0.1", mode=model_pb2.MODE_L2DSR)
    changed = here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=far)).backend
    assert "ARP" in changed.next_hop.problem
    assert here.follower.followed == {ipaddress.ip_address("10.99.0.1")}


def test_a_data_path_that_fails_meanwhile_is_tried_again(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.stub.Apply(web())
    with watching(here) as stream:
        here.data_path.calls.broken = True
        here.run(lambda: here.follower.move(FIRST))
        here.run(lambda: here.writer.exclusively(lambda: None))  # that was tried
        assert "on fire" in caplog.text
        assert hop_of(here, "b1").resolved
        here.data_path.calls.broken = False
        here.run(here.writer.catch_up)
        assert hops_in_data_path(here) == {"b1": False, "b2": True}
        assert not next(stream).change.backend_after.next_hop.resolved
        assert not hop_of(here, "b1").resolved


def test_a_next_hop_is_told_only_when_the_data_path_has_it(here: Here) -> None:
    here.stub.Apply(web())
    with held(here, "put") as (begun, go_on):
        here.run(lambda: here.follower.move(FIRST))
        assert begun.wait(10)
        assert hop_of(here, "b1").resolved
        go_on.set()
        here.run(lambda: here.writer.exclusively(lambda: None))
        assert not hop_of(here, "b1").resolved
    with held(here, "put") as (begun, go_on):
        created = here.stub.CreateBackend.future(
            pb.CreateBackendRequest(backend=backend("b3", address="10.0.0.3"))
        )
        assert begun.wait(10)
        assert hop_of(here, "b3").problem == "it is being written to the data path"
        go_on.set()
        assert created.result().backend.next_hop.resolved


def test_an_mtu_that_a_router_tells_is_kept_for_ten_minutes(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.stub.Apply(web())
    caplog.set_level(logging.INFO)
    with watching(here) as stream:
        here.run(lambda: here.gateway.on_too_big([too_big(mtu=1400)]))
        event = next(stream).change
        assert event.kind == pb.CHANGE_KIND_NEXT_HOP
        assert (event.backend_before.next_hop.mtu, event.backend_after.next_hop.mtu) == (1500, 1400)
        assert event.backend_after.name == "b1"
        assert mtus_in_data_path(here) == {"b1": 1400, "b2": 1500}
        assert hop_of(here, "b1").mtu == 1400
        assert "the way to 10.0.0.1 takes only packets of 1400 bytes, says router" in caplog.text
        # What the kernel says anew does not raise it.
        for _ in range(2):
            here.run(lambda: here.follower.move(FIRST))
            next(stream)
        assert mtus_in_data_path(here) == {"b1": 1400, "b2": 1500}
        here.now += 300
        here.run(lambda: here.gateway.on_too_big([too_big(mtu=1400), too_big(mtu=1450)]))
        here.now += 299
        here.run(here.hops.widen)
        here.now += 1
        here.run(here.hops.widen)
        assert next(stream).change.backend_after.next_hop.mtu == 1500
    assert mtus_in_data_path(here) == {"b1": 1500, "b2": 1500}
    assert "next hop of 10.0.0.1 is 02:00:00:00:00:01 on lo, MTU 1500" in caplog.text


@pytest.mark.parametrize(
    "forged",
    [
        {"source": "10.0.0.99"},
        {"destination": "10.0.0.9"},
        {"protocol": 6},
        {"protocol": 17, "port": 6080},  # the backend's mode is ipip
        {"mtu": 1500},
    ],
    ids=str,
)
def test_an_error_about_another_packet_is_not_believed(
    here: Here, forged: dict[str, object]
) -> None:
    here.stub.Apply(web())
    here.run(lambda: here.gateway.on_too_big([too_big(**forged)]))
    here.run(lambda: here.writer.exclusively(lambda: None))
    assert mtus_in_data_path(here) == {"b1": 1500, "b2": 1500}


@pytest.mark.parametrize(("port", "mtu"), [(6635, 1400), (6080, 1500)])
def test_an_error_about_gue_quotes_the_backends_port(here: Here, port: int, mtu: int) -> None:
    gue = backend(mode=model_pb2.MODE_GUE, gue_port=6635)
    here.stub.Apply(pb.ApplyRequest(services=[service()], backends=[gue]))
    here.run(lambda: here.gateway.on_too_big([too_big(protocol=17, port=port)]))
    here.run(lambda: here.writer.exclusively(lambda: None))
    assert mtus_in_data_path(here) == {"b1": mtu}


def test_what_was_learned_of_a_backend_that_is_gone_is_forgotten(here: Here) -> None:
    here.stub.Apply(web())
    here.run(lambda: here.gateway.on_too_big([too_big()]))
    here.run(lambda: here.writer.exclusively(lambda: None))
    assert mtus_in_data_path(here)["b1"] == 1400
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1"))
    here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend()))
    assert mtus_in_data_path(here)["b1"] == 1500
