"""What there is no room for, what the host refuses, and bugs: told, and nothing is lost."""

from __future__ import annotations

import errno

import grpc
import pytest

from accel.model.placement import Limits
from accel.v1 import gateway_pb2 as pb
from tests.support.daemon.here import Here, refused
from tests.support.daemon.objects import backend, service, web


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
