"""A part is one line of the wiring: what it then takes part in, seen by one that is not ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from accel.control.api.served import Served
from accel.control.gateway.next_hops import NextHops
from accel.control.gateway.part import Part, Write
from accel.control.state.state import State
from accel.control.wiring import PARTS, Base, Wired
from accel.errors import HostError, InvalidError
from accel.model.placement import Limits, PlacedService
from accel.v1 import gateway_pb2 as pb
from tests.support.daemon.fake_calls import Calls
from tests.support.daemon.fakes import FakeDataPath
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, service, web

NAME = "toy.v1.ToyService"


class Toy(Part):
    """Notes what it is called for, among the calls of the data path."""

    lock: asyncio.Lock

    def __init__(self, calls: Calls) -> None:
        self.lock = asyncio.Lock()
        self.calls = calls
        self.refuses = False
        self.second_came, self.tick_came = threading.Event(), threading.Event()

    async def start(self, state: State) -> None:
        self.calls.note("toy starts", *state.services)

    async def ready(self) -> None:
        self.calls.note("toy is ready")

    def serving(self) -> None:
        self.calls.note("toy serves")

    def closing(self) -> None:
        self.calls.note("toy closes")

    async def stop(self) -> None:
        self.calls.note("toy stops")

    def check(self, write: Write) -> None:
        if self.refuses and write.after.services:
            raise InvalidError("toy", "is refused")

    def before(self, write: Write) -> None:
        self.calls.note("toy goes ahead")

    def carry_out(self, write: Write) -> None:
        self.calls.note("toy", *(s.service.name for s in write.services), *write.removed)

    def before_sync(self, services: Sequence[PlacedService]) -> int:
        self.calls.note("toy begins a sync")
        return 0

    def sync(self, services: Sequence[PlacedService]) -> int:
        self.calls.note("toy syncs", len(services))
        return 0

    def adjust(self) -> int:
        self.calls.note("toy adjusts")
        return 0

    def tick(self) -> None:
        self.tick_came.set()

    async def second(self) -> None:
        self.second_came.set()


class ToyServicer:
    """Answers with what the toy was called for, a line each."""

    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    async def GetCalls(self, request: bytes, context: Any) -> bytes:
        return "\n".join(str(call) for call in self._toy.calls).encode()


def add_to_server(servicer: ToyServicer, server: Any) -> None:
    """As a generated function would."""
    handlers = {"GetCalls": grpc.unary_unary_rpc_method_handler(servicer.GetCalls)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))


def toy(base: Base) -> Wired:
    """The line of the wiring."""
    part = Toy(cast(FakeDataPath, base.data_path).calls)
    return Wired(part, (Served(name=NAME, servicer=ToyServicer(part), add=add_to_server),))


@pytest.fixture
def with_toy(folder: Path, limits: Limits) -> Iterator[Here]:
    gateway = Here(folder, limits, parts=[*PARTS, toy])
    yield gateway
    gateway.close()


@pytest.fixture
def calls(with_toy: Here) -> Calls:
    return with_toy.data_path.calls


def refused(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_it_starts_before_the_first_sync_and_stops_after_the_clients_are_gone(
    with_toy: Here, calls: Calls
) -> None:
    assert calls == [
        ("prefixes", 0),
        ("toy starts",),
        ("toy begins a sync",),
        ("sync", 0),
        ("toy syncs", 0),
        ("toy is ready",),
        ("toy serves",),
    ]
    with_toy.stub.Apply(web())
    calls.clear()
    with_toy.restart(keep_maps=True)
    assert calls == [("toy closes",), ("toy stops",)]
    assert ("toy starts", "web") in with_toy.data_path.calls


def test_it_carries_out_a_write_in_its_place(with_toy: Here, calls: Calls) -> None:
    calls.clear()
    with_toy.stub.CreateService(pb.CreateServiceRequest(service=service()))
    assert calls == [("toy goes ahead",), ("reset_service", 1), ("put", "web"), ("toy", "web")]
    calls.clear()
    with_toy.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
    assert calls == [("toy goes ahead",), ("put", 1), ("toy", 1)]


@pytest.mark.parametrize("validate_only", [False, True])
def test_what_it_refuses_changes_nothing(with_toy: Here, calls: Calls, validate_only: bool) -> None:
    with_toy.gateway.part(Toy).refuses = True
    state = with_toy.state
    calls.clear()
    error = refused(lambda: with_toy.stub.Apply(web(validate_only=validate_only)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(error)["BadRequest"].field_violations[0].field == "toy"
    assert with_toy.state is state
    assert with_toy.store.load() == state
    assert calls == []
    assert not with_toy.follower.followed


def test_a_write_that_is_only_tried_out_is_not_carried_out(with_toy: Here, calls: Calls) -> None:
    calls.clear()
    with_toy.stub.Apply(web(validate_only=True))
    assert calls == []


def test_it_is_synced_after_a_failure(
    with_toy: Here, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(write: Write) -> None:
        raise HostError("the toy is broken", hint="glue it")

    with monkeypatch.context() as patched:
        patched.setattr(with_toy.gateway.part(Toy), "carry_out", fail)
        error = refused(lambda: with_toy.stub.Apply(web()))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert list(with_toy.store.load().services) == ["web"], "it is stored all the same"
    with_toy.run(with_toy.writer.catch_up)
    assert calls[-3:] == [("toy begins a sync",), ("sync", 1), ("toy syncs", 1)]
    calls.clear()
    with_toy.run(with_toy.writer.catch_up)
    assert calls == [], "nothing is behind any more"


def test_a_next_hop_that_moves_is_carried_out_too(with_toy: Here, calls: Calls) -> None:
    with_toy.stub.Apply(web())
    address = next(iter(with_toy.follower.followed))
    calls.clear()
    with_toy.run(lambda: with_toy.follower.move(address))
    with_toy.run(lambda: with_toy.writer.exclusively(lambda: None))
    assert calls == [("put", "web"), ("toy", "web")]


def test_it_adjusts_to_what_another_part_changes(with_toy: Here, calls: Calls) -> None:
    calls.clear()
    assert with_toy.run(lambda: with_toy.writer.adjusting(lambda: 3)) == 3
    assert calls == [("toy adjusts",)]


def test_it_has_ticks_and_seconds(with_toy: Here) -> None:
    part = with_toy.gateway.part(Toy)
    assert part.tick_came.wait(10)
    assert part.second_came.wait(10)


def test_its_lock_keeps_writes_waiting(with_toy: Here, calls: Calls) -> None:
    lock = with_toy.gateway.part(Toy).lock
    with_toy.run(lock.acquire)
    calls.clear()
    written = with_toy.stub.Apply.future(web())
    with pytest.raises(grpc.FutureTimeoutError):
        written.result(timeout=0.3)
    assert with_toy.stub.ListServices(pb.ListServicesRequest()).revision == 1, "reads do not wait"
    assert calls == []
    with_toy.run(lock.release)
    assert written.result(timeout=10).revision == 2


def test_its_service_is_served_and_healthy(with_toy: Here) -> None:
    get = with_toy.channel.unary_unary(f"/{NAME}/GetCalls")
    assert b"toy serves" in get(b"", timeout=10)
    health = health_pb2_grpc.HealthStub(with_toy.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_others_go_on_as_ever(with_toy: Here) -> None:
    with_toy.stub.Apply(web())
    with_toy.stub.CreateBackend(pb.CreateBackendRequest(backend=backend("b3")))
    (placed,) = with_toy.data_path.steering.services.values()
    assert [b.backend.name for b in placed.backends] == ["b1", "b2", "b3"]


def test_the_writer_imports_no_part(here: Here) -> None:
    """But the one that knows the next hops, without which no service is placed."""
    parts = {type(part).__module__ for part in here.writer.parts} - {NextHops.__module__}
    assert len(parts) >= 5
    program = "import sys, accel.control.gateway.gateway; print(*sys.modules)"
    command = (sys.executable, "-c", program)
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "accel.control.gateway.writer" in loaded
    assert not parts & set(loaded)
