"""What becomes of pushed hints: they end, and who watches is told."""

from __future__ import annotations

import grpc
import pytest

from accel.control.hints.pushed import watch
from accel.model.hints import Kind
from accel.model.placement import Limits
from accel.v1 import gateway_pb2
from accel.v1 import hint_pb2 as pb
from tests.support.daemon.here import Here
from tests.support.daemon.hinted import apply, batch, hint, key, left, listed, pass_by, stub
from tests.support.daemon.objects import backend, service, web

HOUR = 3600


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16, hints=64)


@pytest.fixture
def placed(here: Here) -> Here:
    here.stub.Apply(web())
    return here


def test_what_ends_goes(placed: Here) -> None:
    apply(placed, hint("10.0.0.1", lifetime={"seconds": 10}), hint("10.0.0.2"))
    apply(placed, hint("10.1.0.0/16", lifetime={"seconds": 10}), hint("10.2.0.0/16"))
    pass_by(placed, 9)
    assert len(listed(placed)) == 4
    pass_by(placed, 1)
    assert left(placed) == {"10.0.0.2": HOUR - 10, "10.2.0.0/16": HOUR - 10}
    assert len(placed.data_path.hints.prefixes) == 1
    assert stub(placed).ListHints(pb.ListHintsRequest()).count == 2
    pass_by(placed, HOUR)
    assert listed(placed) == {}
    index = placed.state.placement.services.taken["web"].number
    assert placed.data_path.hint_settings.uses[index].kinds == Kind(0)
    assert apply(placed, batch(f"10.3.0.{n}" for n in range(64))).set == 64


def test_a_prefix_that_is_used_lives_on(placed: Here) -> None:
    apply(placed, hint("10.1.0.0/16", lifetime={"seconds": 10}, longest={"seconds": 30}))
    prefixes = placed.data_path.hints.prefixes
    ((where, value),) = prefixes.items()
    now = placed.data_path.hints.now
    prefixes[where] = value[:8] + (now + 25).to_bytes(4, "little") + value[12:]
    pass_by(placed, 15)
    assert left(placed) == {"10.1.0.0/16": 10}
    pass_by(placed, 10)
    assert listed(placed) == {}


class Watching:
    """A stream of news."""

    def __init__(self, here: Here, name: str = "") -> None:
        self.stream = stub(here).WatchHints(pb.WatchHintsRequest(service=name), timeout=30)
        self.stream.initial_metadata()

    def next(self) -> tuple[str, list[str]]:
        """What happened to which clients."""
        news = next(self.stream)
        (field,) = {"set", "removed", "expired"} & {f.name for f, _ in news.ListFields()}
        return field, sorted(one.client for one in getattr(news, field))


def test_watchers_are_told(placed: Here) -> None:
    placed.stub.CreateService(
        gateway_pb2.CreateServiceRequest(service=service("api", address="192.0.2.2"))
    )
    placed.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend(service="api")))
    seen, of_api = Watching(placed), Watching(placed, "api")
    apply(placed, hint("10.0.0.1", require=True), hint("10.1.0.0/16"), caller="me")
    news = next(seen.stream)
    assert [(h.client, h.caller, h.require) for h in news.set] == [("10.0.0.1", "me", True)]
    assert news.set[0].left.seconds == HOUR
    assert seen.next() == ("set", ["10.1.0.0/16"])
    apply(placed, hint("10.0.0.2", "b2", lifetime={"seconds": 5}), key("10.0.0.1"), key("10.9.9.9"))
    assert seen.next() == ("set", ["10.0.0.2"])
    assert seen.next() == ("removed", ["10.0.0.1"])
    pass_by(placed, 5)
    assert seen.next() == ("expired", ["10.0.0.2"])
    apply(placed, hint("10.0.0.3"), hint("10.0.0.4", service="api"))
    assert seen.next() == ("set", ["10.0.0.3", "10.0.0.4"])
    placed.stub.DeleteBackend(gateway_pb2.DeleteBackendRequest(service="web", name="b1"))
    assert seen.next() == ("removed", ["10.0.0.3"])
    assert seen.next() == ("removed", ["10.1.0.0/16"])
    assert of_api.next() == ("set", ["10.0.0.4"])
    placed.run(placed.hints.book.hub.close)
    with pytest.raises(grpc.RpcError) as caught:
        of_api.next()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_watcher_that_lags_is_dropped(placed: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUEUE_LENGTH", 100)
    seen = Watching(placed)

    def flood() -> None:
        # In the loop, and so before the stream can send any of it.
        hub = placed.hints.book.hub
        shown = placed.hints.book._ledger.held.shown(placed.hints.book._ledger.held.places(), ())
        for _ in range(3):
            hub.publish([watch.News(what=watch.What.SET, hints=shown)])

    apply(placed, batch(f"10.3.0.{n}" for n in range(60)))
    assert len(seen.next()[1]) == 60
    placed.run(flood)
    with pytest.raises(grpc.RpcError) as caught:
        list(seen.stream)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(placed.hints.book.hub) == 0
