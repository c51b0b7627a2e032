"""Messages for tests, and what to say of them."""

from __future__ import annotations

from typing import Any

from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2

MACS = {"10.0.0.1": "02:00:00:00:00:a1", "10.0.0.2": "02:00:00:00:00:a2"}
"""Of the neighbours that the fixture `network` has."""


def service(name: str = "web", **fields: Any) -> model_pb2.Service:
    given: dict[str, Any] = {
        "address": "192.0.2.1",
        "port": 443,
        "protocol": model_pb2.PROTOCOL_TCP,
    }
    return model_pb2.Service(name=name, **given | fields)


def backend(name: str = "b1", **fields: Any) -> model_pb2.Backend:
    given: dict[str, Any] = {"service": "web", "address": "10.0.0.1"}
    return model_pb2.Backend(name=name, **given | fields)


def web(**options: Any) -> pb.ApplyRequest:
    """Service web with backends b1 and b2."""
    return pb.ApplyRequest(
        services=[service()], backends=[backend(), backend("b2", address="10.0.0.2")], **options
    )


def names(changes: Any) -> list[tuple[str, str]]:
    """Kind and name of each change, as in ("created", "web/b1")."""
    found = []
    for change in changes:
        kind = pb.ChangeKind.Name(change.kind).removeprefix("CHANGE_KIND_").lower()
        after = "before" if kind == "deleted" else "after"
        if change.HasField(f"service_{after}"):
            found.append((kind, getattr(change, f"service_{after}").name))
        else:
            of = getattr(change, f"backend_{after}")
            found.append((kind, f"{of.service}/{of.name}"))
    return found
