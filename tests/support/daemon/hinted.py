"""What tests of pushed hints say and see over gRPC."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

import grpc
import pytest

from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc
from tests.support.daemon.acceld import Running
from tests.support.daemon.here import Here, details_of


def stub(of: Here | Running) -> Any:
    return hint_pb2_grpc.HintServiceStub(of.channel)


def hint(client: str, backend: str = "b1", service: str = "web", **fields: Any) -> pb.Hint:
    return pb.Hint(service=service, client=client, backend=backend, **fields)


def batch(clients: Iterable[str], backend: str = "b1", **fields: Any) -> pb.HintBatch:
    """Packed as an agent would."""
    given = list(clients)
    packed4 = b"".join(socket.inet_pton(socket.AF_INET, c) for c in given if ":" not in c)
    packed6 = b"".join(socket.inet_pton(socket.AF_INET6, c) for c in given if ":" in c)
    return pb.HintBatch(service="web", backend=backend, ipv4=packed4, ipv6=packed6, **fields)


def key(client: str, service: str = "web") -> pb.HintKey:
    return pb.HintKey(service=service, client=client)


def apply(of: Here | Running, *given: Any, caller: str = "", version: int = 1) -> Any:
    """The answer to one request with these hints, batches and keys to remove."""
    request = pb.ApplyHintsRequest(version=version, caller=caller)
    for one in given:
        fields: dict[type, Any] = {
            pb.Hint: request.hints,
            pb.HintBatch: request.batches,
            pb.HintKey: request.remove,
        }
        fields[type(one)].append(one)
    (answer,) = stub(of).ApplyHints(iter([request]), timeout=30)
    assert answer.version == version
    return answer


def errors(answer: Any) -> list[tuple[int, str, str]]:
    return [(e.entry, e.field, e.reason) for e in answer.errors]


def listed(of: Here | Running, **fields: Any) -> dict[str, str]:
    """Backends by client; the service is left out, if it is web."""
    found = {}
    for one in everything(of, **fields):
        service = "" if one.service == "web" else f"{one.service}/"
        assert one.client not in found
        found[one.client] = f"{service}{one.backend}"
    return found


def everything(of: Here | Running, **fields: Any) -> list[pb.Hint]:
    token, hints = "", []
    while True:
        page = stub(of).ListHints(pb.ListHintsRequest(page_token=token, **fields), timeout=30)
        hints += page.hints
        token = page.next_page_token
        if not token:
            return hints


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Status, and what it is about."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    details = details_of(caught.value)
    where = ""
    if "BadRequest" in details:
        where = details["BadRequest"].field_violations[0].field
    if "ResourceInfo" in details:
        where = details["ResourceInfo"].resource_name
    return caught.value.code().name, where


def pass_by(here: Here, seconds: int) -> None:
    """Time passes, and what has ended is swept away."""
    here.data_path.hints.now += seconds
    here.wall += seconds

    async def ticks() -> None:
        for _ in range(8):
            await here.writer.exclusively(here.data_path.steering.second)
            await here.hints.book.second()

    here.run(ticks)


def use(here: Here, lifetime: int) -> None:
    """The data path prolongs all hints, as it does when their clients come."""
    table, now = here.data_path.hints.pushed.table, here.data_path.hints.now
    pairs = table._hints[:, 1:].view("u4")
    there = pairs[:, 1] != 0
    pairs[there, 0] = [min(now + lifetime, end) for end in pairs[there, 1]]


def left(here: Here) -> dict[str, int]:
    """Seconds by client."""
    return {one.client: one.left.seconds for one in everything(here)}
