"""ReportWarm: budgets come to the data path by number, or an error says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from accel.client.hint_client import HintClient
from accel.client.messages import of_service
from accel.errors import HostError, NotFoundError
from accel.model.address import parse_address
from accel.model.hints import Hints
from accel.model.service import Protocol, Service
from accel.v1 import gateway_pb2, hint_pb2, hint_pb2_grpc, model_pb2
from tests.support.daemon.here import Here, details_of


@pytest.fixture
def stub(here: Here) -> Any:
    """Services warm, with backends a and b, and cold, with a."""
    services = [
        of_service(
            Service(
                name=name,
                address=parse_address(f"192.0.2.{i}", ""),
                port=80,
                protocol=Protocol.TCP,
                hints=Hints(warm=name == "warm"),
            )
        )
        for i, name in enumerate(("warm", "cold"), start=1)
    ]
    backends = [
        model_pb2.Backend(service=service, name=name, address="10.0.0.1")
        for service, name in (("warm", "a"), ("warm", "b"), ("cold", "a"))
    ]
    here.stub.Apply(gateway_pb2.ApplyRequest(services=services, backends=backends))
    return hint_pb2_grpc.HintServiceStub(here.channel)


def report(service: str, **budgets: int) -> Any:
    return hint_pb2.ReportWarmRequest(
        service=service,
        budgets=[hint_pb2.WarmBudget(backend=n, connections=c) for n, c in budgets.items()],
    )


def numbers(here: Here, service: str) -> dict[str, int]:
    taken = here.state.placement.backends.taken
    return {name: slot.number for (of, name), slot in taken.items() if of == service}


def test_reports_come_to_the_data_path(here: Here, stub: Any) -> None:
    of = numbers(here, "warm")
    answer = stub.ReportWarm(iter([report("warm", a=3, b=0), report("warm", a=2), report("warm")]))
    assert answer.reports == 3
    assert here.data_path.hints.warmth == {of["a"]: 2, of["b"]: 0}


def test_each_is_believed_before_the_stream_ends(here: Here, stub: Any) -> None:
    of = numbers(here, "warm")

    def reports() -> Iterator[Any]:
        for connections in range(1, 4):
            yield report("warm", b=connections)
            while here.data_path.hints.warmth.get(of["b"]) != connections:
                pass

    assert stub.ReportWarm(reports(), timeout=60).reports == 3


@pytest.mark.parametrize(
    ("wrong", "code", "text"),
    [
        (report("nobody", a=1), "NOT_FOUND", "no service 'nobody'"),
        (report("warm", a=1, c=1), "NOT_FOUND", "no backend 'warm/c'"),
        (report("cold", a=1), "FAILED_PRECONDITION", "service 'cold' makes no use of warm"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_of_it_done(
    here: Here, stub: Any, wrong: Any, code: str, text: str
) -> None:
    of = numbers(here, "warm")
    with pytest.raises(grpc.RpcError) as caught:
        stub.ReportWarm(iter([report("warm", b=7), wrong, report("warm", b=9)]))
    assert caught.value.code().name == code
    assert text in caught.value.details()
    assert here.data_path.hints.warmth == {of["b"]: 7}
    details = details_of(caught.value)
    if code == "NOT_FOUND":
        assert details["ResourceInfo"].resource_name in ("nobody", "warm/c")
    else:
        assert details["Help"].links[0].description == "accel hint set cold --warm"


def test_the_client_class_says_the_same(here: Here, stub: Any) -> None:
    of = numbers(here, "warm")
    with HintClient(here.socket) as gateway:
        gateway.report_warm("warm", {"a": 5})
        with pytest.raises(HostError, match="accel hint set cold --warm"):
            gateway.report_warm("cold", {"a": 5})
        with pytest.raises(NotFoundError, match="no backend 'warm/c'"):
            gateway.report_warm("warm", {"c": 5})
    assert here.data_path.hints.warmth == {of["a"]: 5}
