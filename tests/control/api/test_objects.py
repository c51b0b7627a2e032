"""Create, get, list, update and delete."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Here
from tests.support.daemon.objects import backend, service, web


def test_a_created_service_has_the_defaults_and_the_next_revision(here: Here) -> None:
    created = here.stub.CreateService(pb.CreateServiceRequest(service=service())).service
    assert created == service(ring_size=65537, revision=2)
    assert here.stub.GetService(pb.GetServiceRequest(name="web")).service == created
    assert here.stub.ListServices(pb.ListServicesRequest()) == pb.ListServicesResponse(
        services=[created], revision=2
    )


def test_a_created_backend_has_the_defaults_and_its_next_hop(here: Here) -> None:
    here.stub.CreateService(pb.CreateServiceRequest(service=service()))
    created = here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend())).backend
    assert created == backend(
        weight=100,
        mode=model_pb2.MODE_IPIP,
        gue_port=6080,
        state=model_pb2.BACKEND_STATE_UP,
        revision=3,
        next_hop=model_pb2.NextHop(
            resolved=True, interface="lo", mac="02:00:00:00:00:01", mtu=1500
        ),
    )
    found = here.stub.GetBackend(pb.GetBackendRequest(service="web", name="b1")).backend
    assert found == created


def test_services_and_backends_are_listed_by_name(here: Here) -> None:
    here.stub.Apply(
        pb.ApplyRequest(
            services=[service("b", port=1), service("a", port=2)],
            backends=[
                backend("z", service="a"),
                backend("y", service="a"),
                backend("x", service="b"),
            ],
        )
    )
    services = here.stub.ListServices(pb.ListServicesRequest()).services
    assert [s.name for s in services] == ["a", "b"]
    everything = here.stub.ListBackends(pb.ListBackendsRequest())
    assert [b.name for b in everything.backends] == ["y", "z", "x"]
    assert everything.revision == 2
    of_b = here.stub.ListBackends(pb.ListBackendsRequest(service="b")).backends
    assert [b.name for b in of_b] == ["x"]


def test_an_update_keeps_what_it_does_not_name(here: Here) -> None:
    here.stub.Apply(web())
    updated = here.stub.UpdateService(
        pb.UpdateServiceRequest(service=model_pb2.Service(name="web", port=8443))
    ).service
    assert updated == service(port=8443, ring_size=65537, revision=3)
    changed = here.stub.UpdateBackend(
        pb.UpdateBackendRequest(
            backend=model_pb2.Backend(
                service="web", name="b1", state=model_pb2.BACKEND_STATE_DRAIN, weight=7
            )
        )
    ).backend
    assert (changed.weight, changed.state) == (7, model_pb2.BACKEND_STATE_DRAIN)
    assert (changed.address, changed.mode, changed.gue_port) == (
        "10.0.0.1",
        model_pb2.MODE_IPIP,
        6080,
    )
    assert changed.revision == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "10.0.0.77"),
        ("weight", 3),
        ("mode", model_pb2.MODE_GUE),
        ("gue_port", 6081),
        ("state", model_pb2.BACKEND_STATE_DOWN),
    ],
)
def test_each_field_of_a_backend_can_be_updated(here: Here, field: str, value: Any) -> None:
    here.stub.Apply(web())
    given = model_pb2.Backend(service="web", name="b1", **{field: value})
    changed = here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=given)).backend
    assert getattr(changed, field) == value
    stored = here.store.load().backend("web", "b1")
    assert str(getattr(stored, field)) == str(value) or getattr(stored, field) == value
    (placed,) = here.data_path.steering.services.values()
    assert placed.backends[0].backend == stored


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "2001:db8::1"),
        ("port", 80),
        ("protocol", model_pb2.PROTOCOL_UDP),
        ("ring_size", 251),
    ],
)
def test_each_field_of_a_service_can_be_updated(here: Here, field: str, value: Any) -> None:
    here.stub.Apply(web())
    given = model_pb2.Service(name="web", **{field: value})
    changed = here.stub.UpdateService(pb.UpdateServiceRequest(service=given)).service
    assert getattr(changed, field) == value
    (placed,) = here.data_path.steering.services.values()
    assert placed.service == here.store.load().service("web")


def test_an_update_that_changes_nothing_writes_nothing(here: Here) -> None:
    here.stub.Apply(web())
    here.data_path.calls.clear()
    same = here.stub.UpdateService(pb.UpdateServiceRequest(service=service())).service
    assert same.revision == 2
    unchanged = here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend())).backend
    assert unchanged.revision == 2
    assert (here.revision, here.data_path.calls) == (2, [])


def test_deleting_a_service_deletes_its_backends(here: Here) -> None:
    here.stub.Apply(web())
    here.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
    assert not here.stub.ListBackends(pb.ListBackendsRequest()).backends
    assert not here.data_path.steering.services
    assert not here.follower.followed
    assert here.store.load().services == {}


def test_a_deleted_backend_leaves_its_service(here: Here) -> None:
    here.stub.Apply(web())
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1"))
    (placed,) = here.data_path.steering.services.values()
    assert [b.backend.name for b in placed.backends] == ["b2"]
    with pytest.raises(grpc.RpcError) as caught:
        here.stub.GetBackend(pb.GetBackendRequest(service="web", name="b1"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_number_given_out_anew_starts_with_counters_at_zero(here: Here) -> None:
    here.stub.Apply(web())
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1"))
    here.data_path.calls.clear()
    here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend("b3")))
    assert here.data_path.calls == [("reset_backend", 3), ("put", "web")]


def test_validate_only_answers_the_same_and_changes_nothing(here: Here) -> None:
    here.stub.Apply(web())
    before = here.state
    here.data_path.calls.clear()
    made = here.stub.CreateService(
        pb.CreateServiceRequest(service=service("new", port=1), validate_only=True)
    )
    assert made.service == service("new", port=1, ring_size=65537, revision=3)
    added = here.stub.CreateBackend(
        pb.CreateBackendRequest(backend=backend("new"), validate_only=True)
    )
    assert added.backend.weight == 100
    moved = here.stub.UpdateService(
        pb.UpdateServiceRequest(service=service(port=1), validate_only=True)
    )
    assert moved.service.port == 1
    eased = here.stub.UpdateBackend(
        pb.UpdateBackendRequest(backend=backend(weight=1), validate_only=True)
    )
    assert eased.backend.weight == 1
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1", validate_only=True))
    here.stub.DeleteService(pb.DeleteServiceRequest(name="web", validate_only=True))
    assert here.state is before
    assert here.store.load() == before
    assert here.data_path.calls == []


def test_what_the_gateway_sets_is_not_taken_from_the_caller(here: Here) -> None:
    given = service(revision=99)
    created = here.stub.CreateService(pb.CreateServiceRequest(service=given)).service
    assert created.revision == 2
    hop = model_pb2.NextHop(resolved=True, interface="mine")
    made = here.stub.CreateBackend(
        pb.CreateBackendRequest(backend=backend(revision=99, next_hop=hop))
    )
    assert (made.backend.revision, made.backend.next_hop.interface) == (3, "lo")
