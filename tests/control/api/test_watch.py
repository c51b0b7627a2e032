"""Watch: events after a revision, and those that happen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from accel.control.report import watch
from accel.control.state.state import Change
from accel.control.store import database
from accel.model.address import parse_address
from accel.model.backend import Backend
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, names, service, web

BACKEND = Backend(service="web", name="b1", address=parse_address("10.0.0.1", ""))


@contextlib.contextmanager
def watching(here: Here, revision: int = 0) -> Iterator[Any]:
    """The stream, once the daemon has said that it watches."""
    stream = here.stub.Watch(pb.WatchRequest(from_revision=revision), timeout=20)
    stream.initial_metadata()
    yield stream
    stream.cancel()


def take(stream: Any, count: int) -> list[tuple[int, tuple[str, str]]]:
    """The next events as revision, kind and name."""
    events = [next(stream) for _ in range(count)]
    return [(event.revision, names([event.change])[0]) for event in events]


def test_what_happens_is_told(here: Here) -> None:
    with watching(here) as stream:
        here.stub.Apply(web())
        assert take(stream, 3) == [
            (2, ("created", "web")),
            (2, ("created", "web/b1")),
            (2, ("created", "web/b2")),
        ]
        here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend(weight=9)))
        event = next(stream)
        assert (event.revision, event.change.kind) == (3, pb.CHANGE_KIND_UPDATED)
        assert event.change.backend_before.weight == 100
        assert event.change.backend_after.weight == 9
        here.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
        assert take(stream, 3)[-1] == (4, ("deleted", "web"))


def test_what_was_is_not_told_without_a_revision(here: Here) -> None:
    here.stub.Apply(web())
    with watching(here) as stream:
        here.stub.CreateService(pb.CreateServiceRequest(service=service("api", port=1)))
        assert take(stream, 1) == [(3, ("created", "api"))]


def test_a_watch_resumes_after_a_revision(here: Here) -> None:
    here.stub.Apply(web())
    here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend(weight=9)))
    here.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b2"))
    with watching(here, 2) as stream:
        assert take(stream, 2) == [(3, ("updated", "web/b1")), (4, ("deleted", "web/b2"))]
        here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend("b3")))
        assert take(stream, 1) == [(5, ("created", "web/b3"))]


def test_a_resumed_watch_tells_the_same_as_one_that_never_stopped(here: Here) -> None:
    with watching(here, 1) as stream:
        here.stub.Apply(web())
        here.stub.UpdateService(pb.UpdateServiceRequest(service=service(port=80)))
        live = [next(stream) for _ in range(4)]
    with watching(here, 1) as stream:
        assert [next(stream) for _ in range(4)] == live


def test_a_revision_that_is_not_kept_is_out_of_range(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOG_LENGTH", 3)
    here.stub.Apply(web())
    here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=backend(weight=9)))
    with watching(here, 2) as stream:
        assert take(stream, 1) == [(3, ("updated", "web/b1"))]
    for revision in (1, 99):
        with watching(here, revision) as stream, pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
        assert details_of(caught.value)["ErrorInfo"].reason == "REVISION_NOT_KEPT"
        assert "list anew" in details_of(caught.value)["Help"].links[0].description


def test_a_watcher_that_lags_is_dropped(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUEUE_LENGTH", 20)
    change = Change(before=None, after=BACKEND)
    batch = [watch.Event(revision=2, change=change)] * 15
    with watching(here) as stream:
        # Within one turn of the event loop, so that none of it can be sent meanwhile.
        def publish() -> None:
            here.writer.hub.publish(batch)
            here.writer.hub.publish(batch)

        here.run(publish)
        with pytest.raises(grpc.RpcError) as caught:
            for _ in stream:
                pass
        assert len(here.writer.hub) == 0
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details_of(caught.value)["ErrorInfo"].reason == "WATCHER_LAGS"


def test_a_watcher_that_goes_is_forgotten(here: Here) -> None:
    with watching(here):
        assert len(here.writer.hub) == 1
    here.stub.Apply(web())
    for _ in range(1000):
        if len(here.writer.hub) == 0:
            break
        here.stub.GetStatus(pb.GetStatusRequest())
    assert len(here.writer.hub) == 0


def test_the_end_of_the_daemon_ends_the_watch(here: Here) -> None:
    with watching(here) as stream:
        here.run(here.writer.hub.close)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_refused_write_is_no_event(here: Here) -> None:
    with watching(here) as stream:
        here.stub.Apply(web(validate_only=True))
        with pytest.raises(grpc.RpcError):
            here.stub.Apply(pb.ApplyRequest(backends=[backend()]))
        here.stub.CreateService(pb.CreateServiceRequest(service=service("api", port=1)))
        assert take(stream, 1) == [(2, ("created", "api"))]


def test_a_write_that_the_data_path_refused_is_an_event(here: Here) -> None:
    here.data_path.calls.broken = True
    with watching(here) as stream:
        with pytest.raises(grpc.RpcError):
            here.stub.Apply(pb.ApplyRequest(services=[service()]))
        assert take(stream, 1) == [(2, ("created", "web"))]
        here.data_path.calls.broken = False


def test_state_of_a_backend_is_told(here: Here) -> None:
    here.stub.Apply(web())
    drain = model_pb2.Backend(service="web", name="b1", state=model_pb2.BACKEND_STATE_DRAIN)
    with watching(here) as stream:
        here.stub.UpdateBackend(pb.UpdateBackendRequest(backend=drain))
        assert next(stream).change.backend_after.state == model_pb2.BACKEND_STATE_DRAIN
