"""Apply: the whole desired state at once."""

from __future__ import annotations

import grpc
import pytest

from accel.v1 import gateway_pb2 as pb
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, names, service, web


def test_the_changes_are_listed_in_their_order(here: Here) -> None:
    here.stub.Apply(web())
    response = here.stub.Apply(
        pb.ApplyRequest(
            services=[service("api", port=80), service(ring_size=251)],
            backends=[backend("b2", address="10.0.0.22"), backend("a1", service="api")],
            prune=True,
        )
    )
    assert names(response.changes) == [
        ("deleted", "web/b1"),
        ("created", "api"),
        ("updated", "web"),
        ("updated", "web/b2"),
        ("created", "api/a1"),
    ]
    updated = response.changes[2]
    assert (updated.service_before.ring_size, updated.service_after.ring_size) == (65537, 251)
    assert (updated.service_before.revision, updated.service_after.revision) == (2, 3)
    assert not response.changes[0].HasField("backend_after")
    assert not response.changes[1].HasField("service_before")
    assert response.revision == here.revision == 3


def test_without_prune_what_is_not_named_stays(here: Here) -> None:
    here.stub.Apply(web())
    response = here.stub.Apply(pb.ApplyRequest(services=[service("api", port=80)]))
    assert names(response.changes) == [("created", "api")]
    assert sorted(here.state.services) == ["api", "web"]


def test_a_backend_may_name_a_service_that_stays(here: Here) -> None:
    here.stub.Apply(web())
    response = here.stub.Apply(pb.ApplyRequest(backends=[backend("b3")]))
    assert names(response.changes) == [("created", "web/b3")]


def test_an_empty_state_with_prune_deletes_everything(here: Here) -> None:
    here.stub.Apply(web())
    response = here.stub.Apply(pb.ApplyRequest(prune=True))
    assert names(response.changes) == [
        ("deleted", "web/b1"),
        ("deleted", "web/b2"),
        ("deleted", "web"),
    ]
    assert not here.data_path.steering.services


def test_the_same_state_again_changes_nothing(here: Here) -> None:
    here.stub.Apply(web(prune=True))
    here.data_path.calls.clear()
    response = here.stub.Apply(web(prune=True))
    assert (len(response.changes), response.revision) == (0, 2)
    assert here.data_path.calls == []


def test_validate_only_lists_the_changes_and_makes_none(here: Here) -> None:
    response = here.stub.Apply(web(validate_only=True))
    assert names(response.changes) == [
        ("created", "web"),
        ("created", "web/b1"),
        ("created", "web/b2"),
    ]
    assert response.revision == here.revision == 1
    assert here.store.load().services == {}
    assert not here.data_path.steering.services


def test_two_services_may_swap_their_addresses(here: Here) -> None:
    here.stub.Apply(pb.ApplyRequest(services=[service("a", port=1), service("b", port=2)]))
    here.stub.Apply(pb.ApplyRequest(services=[service("a", port=2), service("b", port=1)]))
    ports = {p.service.name: p.service.port for p in here.data_path.steering.services.values()}
    assert ports == {"a": 2, "b": 1}


def test_an_address_may_go_from_a_deleted_service_to_a_new_one(here: Here) -> None:
    here.stub.Apply(web(prune=True))
    here.stub.Apply(pb.ApplyRequest(services=[service("api")], prune=True))
    assert [p.service.name for p in here.data_path.steering.services.values()] == ["api"]


def test_all_of_a_write_goes_to_the_data_path_at_once(here: Here) -> None:
    few = [service(f"s{i}", port=1 + i) for i in range(3)]
    here.stub.Apply(pb.ApplyRequest(services=few, prune=True))
    assert here.data_path.calls[-1] == ("put", "s0", "s1", "s2")
    gone = {p.index for p in here.data_path.steering.services.values()}
    here.data_path.calls.clear()
    here.stub.Apply(pb.ApplyRequest(services=[service("x", port=99)], prune=True))
    assert here.data_path.calls[-1][:2] == ("put", "x")
    assert set(map(int, here.data_path.calls[-1][2:])) == gone
    assert [p.service.name for p in here.data_path.steering.services.values()] == ["x"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ApplyRequest(services=[service(), service("x", address="nowhere")]), "[1].address"),
        (pb.ApplyRequest(services=[service(), service("x")]), "services[1].address"),
        (pb.ApplyRequest(services=[service(), service()]), "services[1].name"),
        (pb.ApplyRequest(services=[service(port=70000)]), "services[0].port"),
        (pb.ApplyRequest(services=[service(protocol=0)]), "services[0].protocol"),
        (pb.ApplyRequest(services=[service(ring_size=1000)]), "services[0].ring_size"),
        (pb.ApplyRequest(backends=[backend(service="none")]), "backends[0].service"),
        (pb.ApplyRequest(services=[service()], backends=[backend(weight=70000)]), "[0].weight"),
        (pb.ApplyRequest(services=[service()], backends=[backend(mode=77)]), "backends[0].mode"),
        (pb.ApplyRequest(services=[service()], backends=[backend(state=77)]), "backends[0].state"),
        (
            pb.ApplyRequest(services=[service()], backends=[backend(), backend()]),
            "backends[1].name",
        ),
        (
            pb.ApplyRequest(services=[service()], backends=[backend(address="127.0.0.1")]),
            "backends[0].address",
        ),
        (
            pb.ApplyRequest(services=[service()], backends=[backend(gue_port=65536)]),
            "backends[0].gue_port",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_field_is_named_and_nothing_is_applied(
    here: Here, request_: pb.ApplyRequest, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        here.stub.Apply(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    (violation,) = details_of(caught.value)["BadRequest"].field_violations
    assert violation.field.endswith(field)
    assert violation.description
    assert here.revision == 1
    assert not here.data_path.steering.services


def test_an_address_that_a_kept_service_has_is_refused(here: Here) -> None:
    here.stub.Apply(web())
    with pytest.raises(grpc.RpcError) as caught:
        here.stub.Apply(pb.ApplyRequest(services=[service("one", port=1), service("two")]))
    (violation,) = details_of(caught.value)["BadRequest"].field_violations
    assert violation.field == "services[1].address"
    assert "'web'" in violation.description
