"""What a request may have wrong: each error, with its details."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Call, Here, refused
from tests.support.daemon.objects import backend, service, web

NO_MODE: Any = 9


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


def test_enumerations_out_of_range_say_what_is_known(here: Here) -> None:
    here.stub.Apply(web())
    given = backend(mode=9)
    _, details = refused(lambda s: s.UpdateBackend(pb.UpdateBackendRequest(backend=given)), here)
    assert "gue" in details["Help"].links[0].description
    assert model_pb2.MODE_GUE == 2
