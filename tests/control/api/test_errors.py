"""Every error, with its details."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from accel.model.placement import Limits
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, service, web

NO_MODE: Any = 9
Call = Callable[[Any], Any]


def refused(call: Call, here: Here) -> tuple[grpc.RpcError, dict[str, Any]]:
    with pytest.raises(grpc.RpcError) as caught:
        call(here.stub)
    return caught.value, details_of(caught.value)


INVALID: list[tuple[str, Call]] = [
    ("service", lambda s: s.CreateService(pb.CreateServiceRequest())),
    ("service", lambda s: s.UpdateService(pb.UpdateServiceRequest())),
    ("backend", lambda s: s.CreateBackend(pb.CreateBackendRequest())),
    ("backend", lambda s: s.UpdateBackend(pb.UpdateBackendRequest())),
    (
        "service.name",
        lambda s: s.CreateService(pb.CreateServiceRequest(service=service("No!", port=1))),
    ),
    (
        "service.address",
        lambda s: s.CreateService(pb.CreateServiceRequest(service=service("x", address=""))),
    ),
    ("service.address", lambda s: s.CreateService(pb.CreateServiceRequest(service=service("x")))),
    (
        "service.address",
        lambda s: s.UpdateService(pb.UpdateServiceRequest(service=service(address="x"))),
    ),
    (
        "service.protocol",
        lambda s: s.UpdateService(pb.UpdateServiceRequest(service=service(protocol=9))),
    ),
    (
        "backend.address",
        lambda s: s.CreateBackend(pb.CreateBackendRequest(backend=backend("x", address="1"))),
    ),
    (
        "backend.weight",
        lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=backend(weight=65536))),
    ),
    ("backend.mode", lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=backend(mode=9)))),
    (
        "backend.state",
        lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=backend(state=9))),
    ),
    ("service", lambda s: s.Explain(pb.ExplainRequest())),
    ("from_address", lambda s: s.Explain(pb.ExplainRequest(service="web"))),
    (
        "from_address",
        lambda s: s.Explain(pb.ExplainRequest(service="web", from_address="::1", from_port=1)),
    ),
    (
        "from_port",
        lambda s: s.Explain(pb.ExplainRequest(service="web", from_address="198.51.100.1")),
    ),
    ("to_port", lambda s: s.Explain(pb.ExplainRequest(to_address="192.0.2.1"))),
    (
        "protocol",
        lambda s: s.Explain(pb.ExplainRequest(to_address="192.0.2.1", to_port=1)),
    ),
    ("frame", lambda s: s.Explain(pb.ExplainRequest(frame=b"short"))),
    ("interface", lambda s: s.Attach(pb.AttachRequest())),
    ("mode", lambda s: s.Attach(pb.AttachRequest(interface="lo", mode=NO_MODE))),
    ("interface", lambda s: s.Detach(pb.DetachRequest())),
]


@pytest.mark.parametrize(("field", "call"), INVALID)
def test_a_wrong_field_is_named(here: Here, field: str, call: Call) -> None:
    here.stub.Apply(web())
    error, details = refused(call, here)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    (violation,) = details["BadRequest"].field_violations
    assert violation.field == field
    assert error.details() == f"{field}: {violation.description}"
    assert details["ErrorInfo"].reason == "FIELD_INVALID"
    assert details["ErrorInfo"].domain == "accel.v1"
    assert here.revision == 2


NOT_FOUND: list[tuple[str, str, Call]] = [
    ("service", "x", lambda s: s.GetService(pb.GetServiceRequest(name="x"))),
    ("service", "x", lambda s: s.DeleteService(pb.DeleteServiceRequest(name="x"))),
    ("service", "x", lambda s: s.UpdateService(pb.UpdateServiceRequest(service=service("x")))),
    ("service", "x", lambda s: s.ListBackends(pb.ListBackendsRequest(service="x"))),
    ("service", "x", lambda s: s.GetBackend(pb.GetBackendRequest(service="x", name="b1"))),
    (
        "service",
        "x",
        lambda s: s.CreateBackend(pb.CreateBackendRequest(backend=backend(service="x"))),
    ),
    ("service", "x", lambda s: s.GetStats(pb.GetStatsRequest(service="x"))),
    (
        "service",
        "x",
        lambda s: s.Explain(pb.ExplainRequest(service="x", from_address="198.51.100.1")),
    ),
    ("backend", "web/x", lambda s: s.GetBackend(pb.GetBackendRequest(service="web", name="x"))),
    (
        "backend",
        "web/x",
        lambda s: s.DeleteBackend(pb.DeleteBackendRequest(service="web", name="x")),
    ),
    (
        "backend",
        "web/x",
        lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=backend("x"))),
    ),
    ("interface", "nic9", lambda s: s.Attach(pb.AttachRequest(interface="nic9"))),
    ("interface", "lo", lambda s: s.Detach(pb.DetachRequest(interface="lo"))),
]


@pytest.mark.parametrize(("kind", "name", "call"), NOT_FOUND)
def test_what_is_not_there_is_named(here: Here, kind: str, name: str, call: Call) -> None:
    here.stub.Apply(web())
    error, details = refused(call, here)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    info = details["ResourceInfo"]
    assert (info.resource_type, info.resource_name) == (kind, name)
    assert details["ErrorInfo"].reason == "NOT_FOUND"
    assert details["Help"].links[0].description


@pytest.mark.parametrize(
    ("kind", "name", "call"),
    [
        (
            "service",
            "web",
            lambda s: s.CreateService(pb.CreateServiceRequest(service=service(port=1))),
        ),
        (
            "backend",
            "web/b1",
            lambda s: s.CreateBackend(pb.CreateBackendRequest(backend=backend())),
        ),
    ],
)
def test_what_exists_already_is_named(here: Here, kind: str, name: str, call: Call) -> None:
    here.stub.Apply(web())
    error, details = refused(call, here)
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    info = details["ResourceInfo"]
    assert (info.resource_type, info.resource_name) == (kind, name)


OUTDATED: list[tuple[int, Call]] = [
    (3, lambda s: s.Apply(web(expected_revision=99))),
    (
        3,
        lambda s: s.CreateService(
            pb.CreateServiceRequest(service=service("x", port=1), expected_revision=99)
        ),
    ),
    (
        3,
        lambda s: s.CreateBackend(
            pb.CreateBackendRequest(backend=backend("x"), expected_revision=99)
        ),
    ),
    (
        2,
        lambda s: s.UpdateService(pb.UpdateServiceRequest(service=service(), expected_revision=99)),
    ),
    (2, lambda s: s.DeleteService(pb.DeleteServiceRequest(name="web", expected_revision=99))),
    (
        2,
        lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=backend(), expected_revision=99)),
    ),
    (
        3,
        lambda s: s.DeleteBackend(
            pb.DeleteBackendRequest(service="web", name="b2", expected_revision=99)
        ),
    ),
]


@pytest.mark.parametrize(("found", "call"), OUTDATED)
def test_another_revision_than_expected_is_refused(here: Here, found: int, call: Call) -> None:
    here.stub.Apply(web())
    here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend("b2", weight=5)))
    error, details = refused(call, here)
    assert error.code() is grpc.StatusCode.ABORTED
    info = details["ErrorInfo"]
    assert info.reason == "REVISION_MISMATCH"
    assert dict(info.metadata) == {"expected": "99", "found": str(found)}
    assert here.revision == 3


def test_the_revision_that_is_expected_is_taken(here: Here) -> None:
    here.stub.Apply(web(expected_revision=1))
    here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend(weight=5), expected_revision=2))
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b1", expected_revision=3))
    here.stub.DeleteService(pb.DeleteServiceRequest(name="web", expected_revision=2))
    assert here.revision == 5


@pytest.mark.parametrize("validate_only", [False, True])
def test_more_than_the_maps_hold_is_refused_before_anything_is_written(
    here: Here, validate_only: bool
) -> None:
    here.stub.Apply(web())
    more = [backend(f"x{i}") for i in range(14)]
    error, details = refused(
        lambda s: s.Apply(pb.ApplyRequest(backends=more, validate_only=validate_only)), here
    )
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    (violation,) = details["QuotaFailure"].violations
    assert violation.subject == "--max-backends"
    assert error.details() == "16 backends are more than the limit of 15"
    assert "--max-backends" in details["Help"].links[0].description
    assert here.store.load() == here.state
    assert here.revision == 2


def test_too_many_services_are_refused(here: Here) -> None:
    many = [service(f"s{i}", port=i + 1) for i in range(8)]
    error, details = refused(lambda s: s.Apply(pb.ApplyRequest(services=many)), here)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details["QuotaFailure"].violations[0].subject == "--max-services"


@pytest.mark.parametrize("limits", [Limits(services=8, backends=16, slots=100_000)])
def test_too_many_slots_are_refused_before_anything_is_written(here: Here) -> None:
    here.stub.Apply(web())
    for call in (
        lambda s: s.CreateService(pb.CreateServiceRequest(service=service("x", port=1))),
        lambda s: s.UpdateService(pb.UpdateServiceRequest(service=service(ring_size=131071))),
    ):
        error, details = refused(call, here)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details["QuotaFailure"].violations[0].subject == "--max-slots"
    assert here.store.load() == here.state
    assert here.revision == 2


def test_a_data_path_that_fails_is_told_and_tried_again(here: Here) -> None:
    here.data_path.calls.broken = True
    error, details = refused(lambda s: s.Apply(web()), here)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    (violation,) = details["PreconditionFailure"].violations
    assert violation.type == "HOST"
    assert "on fire" in violation.description
    assert here.revision == here.store.load().revision == 2
    here.data_path.calls.broken = False
    here.run(here.writer.catch_up)
    assert [p.service.name for p in here.data_path.steering.services.values()] == ["web"]


def test_a_map_that_the_kernel_refuses_is_told_and_tried_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with monkeypatch.context() as patched:
        patched.setattr(here.data_path.steering, "put", refuse)
        error, details = refused(lambda s: s.Apply(web()), here)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "Cannot allocate memory" in error.details()
    assert "tried again" in details["Help"].links[0].description
    here.run(here.writer.catch_up)
    assert [p.service.name for p in here.data_path.steering.services.values()] == ["web"]


def test_an_interface_that_is_refused_is_not_remembered(here: Here) -> None:
    here.data_path.calls.broken = True
    error, _ = refused(lambda s: s.Attach(pb.AttachRequest(interface="lo")), here)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert here.store.attachments() == {}


def test_a_bug_is_told_without_its_inside(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(here.data_path, "capacities", broken)
    with pytest.raises(grpc.RpcError) as caught:
        here.stub.GetStatus(pb.GetStatusRequest())
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()
    assert "secret" in caplog.text


def test_a_bug_in_a_stream_is_told_without_its_inside(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(revision: int) -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(here.writer, "watch", broken)
    with pytest.raises(grpc.RpcError) as caught:
        next(here.stub.Watch(pb.WatchRequest()))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()


def test_enumerations_out_of_range_say_what_is_known(here: Here) -> None:
    here.stub.Apply(web())
    given = backend(mode=9)
    _, details = refused(lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=given)), here)
    assert "gue" in details["Help"].links[0].description
    assert model_pb2.MODE_GUE == 2
