"""Services and backends as rows of their tables, and as JSON of such a row in the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from accel.control.state.state import Object
from accel.model import plain_values, quic
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode
from accel.model.backend import State as BackendState
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED
from accel.model.service import Protocol, Service

_NONE = "{}"  # as most backends have it: read and written 100,000 times


def columns(found: Object) -> tuple[Any, ...]:
    """An object as the first columns of its table."""
    if isinstance(found, Service):
        return (
            found.name,
            str(found.address),
            found.port,
            found.protocol.value,
            found.ring_size,
            found.revision,
            json.dumps(plain_values.plain(found.guard, UNGUARDED)),
            json.dumps(plain_values.plain(found.hints, UNHINTED)),
        )
    return (
        found.service,
        found.name,
        str(found.address),
        found.weight,
        found.mode.value,
        found.gue_port,
        found.state.value,
        found.revision,
        json.dumps(quic.plain(found.server_ids)) if found.server_ids else _NONE,
    )


def service_of(row: Sequence[Any]) -> Service:
    """From the first columns of its table. In the log they are as many as there were then."""
    guard, hints = (json.loads(row[i]) if len(row) > i else {} for i in (6, 7))
    return Service(
        name=row[0],
        address=parse_address(row[1], "address"),
        port=row[2],
        protocol=Protocol(row[3]),
        ring_size=row[4],
        revision=row[5],
        guard=plain_values.read(guard, UNGUARDED),
        hints=plain_values.read(hints, UNHINTED),
    )


def backend_of(row: Sequence[Any]) -> Backend:
    """As service_of."""
    return Backend(
        service=row[0],
        name=row[1],
        address=parse_address(row[2], "address"),
        weight=row[3],
        mode=Mode(row[4]),
        gue_port=row[5],
        state=BackendState(row[6]),
        revision=row[7],
        server_ids=() if len(row) < 9 or row[8] == _NONE else quic.read(json.loads(row[8])),
    )


def text_of(found: Object | None) -> str | None:
    """As the log has it: JSON, or None for what is not there."""
    return None if found is None else json.dumps(columns(found))


def object_of(kind: str, text: str | None) -> Object | None:
    """Out of the log; `kind` is "service" or "backend"."""
    if text is None:
        return None
    row = json.loads(text)
    return service_of(row) if kind == "service" else backend_of(row)
