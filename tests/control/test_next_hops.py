"""Next hops come, go and change while the daemon runs."""

from __future__ import annotations

import ipaddress
import logging

import pytest
from here import Here
from objects import backend, service, web
from test_watch import watching

from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2

FIRST = ipaddress.ip_address("10.0.0.1")
SECOND = ipaddress.ip_address("10.0.0.2")


def hops_in_data_path(here: Here) -> dict[str, bool]:
    """By backend's name, whether the data path has a next hop."""
    return {
        b.backend.name: b.next_hop is not None
        for placed in here.data_path.services.values()
        for b in placed.backends
    }


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
    here.run(here.gateway.warn_of_new)
    assert "no next hop for backends at 10.99.0.1" in caplog.text


def test_the_log_of_many_is_short(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    many = [backend(f"f{i}", address=f"10.99.0.{i + 1}") for i in range(13)]
    here.stub.Apply(pb.ApplyRequest(services=[service()], backends=many))
    here.run(here.gateway.warn_of_new)
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
        here.data_path.broken = True
        here.run(lambda: here.follower.move(FIRST))
        next(stream)
        here.data_path.broken = False
    assert "on fire" in caplog.text
    here.run(here.gateway.catch_up)
    assert hops_in_data_path(here) == {"b1": False, "b2": True}
