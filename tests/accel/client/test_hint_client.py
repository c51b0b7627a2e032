"""HintClient against a real gRPC server that notes what it is told."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from accel.client.channel import open_channel
from accel.client.hint_client import HintClient, Refused
from accel.client.hint_packing import ENTRIES, Client
from accel.errors import HostError, InvalidError, NotFoundError, UnreachableError
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc


class Noting(hint_pb2_grpc.HintServiceServicer):  # type: ignore[misc]
    """Takes everything, but entries of backend "nobody". Breaks off before some requests."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.warm: list[Any] = []
        self.breaks: list[int] = []
        self.refusal: grpc.StatusCode | None = None

    def ApplyHints(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        for request in request_iterator:
            if self.breaks and self.breaks[0] == request.version:
                self.breaks.pop(0)
                context.abort(grpc.StatusCode.UNAVAILABLE, "the daemon stops")
            self.requests.append(request)
            answer = pb.ApplyHintsResponse(version=request.version, removed=len(request.remove))
            entry = 0
            for hint in request.hints:
                self._take(answer, entry, hint.backend)
                entry += 1
            for batch in request.batches:
                for _ in range(len(batch.ipv4) // 4 + len(batch.ipv6) // 16):
                    self._take(answer, entry, batch.backend)
                    entry += 1
            yield answer

    def _take(self, answer: Any, entry: int, backend: str) -> None:
        if backend != "nobody":
            answer.set += 1
            return
        answer.failed += 1
        if len(answer.errors) < 100:
            answer.errors.add(entry=entry, reason="NOT_FOUND", message="none", hint="look")

    def ReportWarm(self, request_iterator: Any, context: Any) -> Any:
        if self.refusal is not None:
            context.abort(self.refusal, "no, thanks")
        self.warm += request_iterator
        return pb.ReportWarmResponse(reports=1)


@contextlib.contextmanager
def serving(path: Path, noting: Noting) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(4))
    hint_pb2_grpc.add_HintServiceServicer_to_server(noting, server)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accel.sock"


@pytest.fixture
def noting(path: Path) -> Iterator[Noting]:
    made = Noting()
    with serving(path, made):
        yield made


def test_addresses_are_packed_by_backend(path: Path, noting: Noting) -> None:
    with HintClient(path, caller="me") as gateway:
        done = gateway.push(
            "api",
            {
                "192.0.2.7": "b1",
                ipaddress.ip_address("192.0.2.9"): "b2",
                "198.51.100.0/24": "b2",
                ipaddress.ip_address("2001:db8::7"): "b1",
                "192.0.2.8": "b1",
                ipaddress.ip_network("2001:db8:7::/48"): "b1",
            },
            lifetime=90.5,
            longest=7200,
            require=True,
        )
    assert (done.set, done.removed, done.failed, done.errors) == (6, 0, 0, ())
    (request,) = noting.requests
    assert request.caller == "me"
    assert [(h.service, h.client, h.backend) for h in request.hints] == [
        ("api", "198.51.100.0/24", "b2"),
        ("api", "2001:db8:7::/48", "b1"),
    ]
    first, second = request.batches
    assert (first.backend, first.ipv4) == ("b1", bytes([192, 0, 2, 7, 192, 0, 2, 8]))
    assert first.ipv6 == ipaddress.ip_address("2001:db8::7").packed
    assert (second.backend, second.ipv4, second.ipv6) == ("b2", bytes([192, 0, 2, 9]), b"")
    for each in (*request.hints, *request.batches):
        assert (each.lifetime.seconds, each.lifetime.nanos) == (90, 500_000_000)
        assert each.longest.seconds == 7200
        assert each.require


def test_what_is_not_said_is_left_out(path: Path, noting: Noting) -> None:
    with HintClient(path) as gateway:
        gateway.push("api", {"192.0.2.7": "b1"})
    (batch,) = noting.requests[0].batches
    assert not batch.HasField("lifetime")
    assert not batch.HasField("longest")
    assert not batch.require


def test_many_are_several_requests(path: Path, noting: Noting) -> None:
    count = 2 * ENTRIES + 5
    base = int(ipaddress.ip_address("10.0.0.0"))
    clients = [ipaddress.ip_address(base + i) for i in range(count)]
    with HintClient(path) as gateway:
        assert gateway.push("api", dict.fromkeys(clients, "b1")).set == count
        assert gateway.remove("api", clients).removed == count
    pushed, removed = noting.requests[:3], noting.requests[3:]
    assert b"".join(r.batches[0].ipv4 for r in pushed) == b"".join(c.packed for c in clients)
    assert [k.client for r in removed for k in r.remove] == [str(c) for c in clients]
    assert max(len(r.batches[0].ipv4) // 4 for r in pushed) == ENTRIES


def test_who_was_refused_is_named(path: Path, noting: Noting) -> None:
    hints: dict[Client, str] = {
        "192.0.2.1": "b1",
        "2001:db8::1": "nobody",
        "192.0.2.2": "nobody",
        "10.0.0.0/8": "b1",
    }
    with HintClient(path) as gateway:
        done = gateway.push("api", hints)
        many = gateway.push("api", {f"10.0.{i // 200}.{i % 200}": "nobody" for i in range(300)})
    assert (done.set, done.failed) == (2, 2)
    assert [refused.client for refused in done.errors] == ["192.0.2.2", "2001:db8::1"]
    assert done.errors[0] == Refused(
        client="192.0.2.2", reason="NOT_FOUND", message="none", hint="look"
    )
    assert (many.failed, len(many.errors)) == (300, 100)


def test_nothing_is_told_if_a_client_is_none(path: Path, noting: Noting) -> None:
    with HintClient(path) as gateway:
        for wrong in ("192.0.2", "192.0.2.1/24", "b1"):
            with pytest.raises(InvalidError, match="client"):
                gateway.push("api", {"192.0.2.7": "b1", wrong: "b1"})
            with pytest.raises(InvalidError, match="client"):
                gateway.remove("api", ["192.0.2.7", wrong])
    assert noting.requests == []


def test_what_was_not_answered_is_told_again(path: Path, noting: Noting) -> None:
    clients = [ipaddress.ip_address(i) for i in range(1, 2 * ENTRIES + 2)]
    noting.breaks = [0, 1, 1, 2]
    with HintClient(path) as gateway:
        assert gateway.push("api", dict.fromkeys(clients, "b1")).set == len(clients)
    assert [r.version for r in noting.requests] == [0, 1, 2]
    assert noting.breaks == []


def test_it_connects_again(path: Path) -> None:
    """The daemon starts late, ends, and is back while a push is waiting."""
    noting, ended = Noting(), threading.Event()

    def serve() -> None:
        with serving(path, noting):
            ended.wait(60)

    with HintClient(path, seconds=60) as gateway:
        for number in range(1, 3):
            ended.clear()
            late = threading.Timer(0.5, serve)
            late.start()
            assert gateway.push("api", {"192.0.2.7": "b1"}).set == 1
            assert len(noting.requests) == number
            ended.set()
            late.join()


def test_nobody_there(path: Path) -> None:
    with HintClient(path, seconds=0.3) as gateway:
        with pytest.raises(UnreachableError, match="does not exist"):
            gateway.push("api", {"192.0.2.7": "b1"})
        with pytest.raises(UnreachableError, match="does not exist"):
            gateway.report_warm("api", {"b1": 1})


def test_budgets(path: Path, noting: Noting) -> None:
    with HintClient(path) as gateway:
        gateway.report_warm("api", {"b1": 3, "b2": 0})
        with pytest.raises(InvalidError, match=r"budgets\['b1'\]: -1 is not"):
            gateway.report_warm("api", {"b1": -1})
        noting.refusal = grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(HostError, match="no, thanks"):
            gateway.report_warm("api", {"b1": 3})
        noting.refusal = grpc.StatusCode.NOT_FOUND
        with pytest.raises(NotFoundError):
            gateway.report_warm("api", {"b1": 3})
    (report,) = noting.warm
    assert report.service == "api"
    assert {b.backend: b.connections for b in report.budgets} == {"b1": 3, "b2": 0}


def test_tcp_needs_certificates() -> None:
    with pytest.raises(InvalidError, match="mutual TLS only"):
        open_channel("192.0.2.1:7443")
