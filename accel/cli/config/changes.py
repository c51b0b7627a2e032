"""Changes as a person reads them: what apply, diff and watch print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from accel.cli.endpoint import endpoint
from accel.cli.rows import plain_backend, plain_service
from accel.model.results.gateway import Change, ChangeKind, Reached
from accel.model.service import Service
from accel.terminal import paint, plain

_SIGNS = {
    ChangeKind.CREATED: ("+", "green"),
    ChangeKind.UPDATED: ("~", "yellow"),
    ChangeKind.DELETED: ("-", "red"),
    ChangeKind.NEXT_HOP: (">", "faint"),
}


def line(change: Change) -> str:
    """One line, as in "~ backend api/b1  weight 100 -> 50"."""
    sign, colour = _SIGNS[change.kind]
    return paint(f"{sign} {_subject(change)}  {_what(change)}".rstrip(), colour)


def summary(changes: Iterable[Change], *, planned: bool) -> str:
    """How many of each kind, as in "2 created, 1 changed"."""
    words = {
        ChangeKind.CREATED: "to create" if planned else "created",
        ChangeKind.UPDATED: "to change" if planned else "changed",
        ChangeKind.DELETED: "to delete" if planned else "deleted",
    }
    counts = Counter(change.kind for change in changes)
    parts = [f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind]]
    return ", ".join(parts) or ("no difference" if planned else "nothing to change")


def as_plain(change: Change) -> dict[str, Any]:
    """For JSON and YAML."""
    subject = change.after or change.before
    return {
        "kind": plain(change.kind),
        "object": "service" if isinstance(subject, Service) else "backend",
        "before": _plain_object(change.before),
        "after": _plain_object(change.after),
    }


def _plain_object(value: Service | Reached | None) -> Any:
    if value is None:
        return None
    return plain_service(value) if isinstance(value, Service) else plain_backend(value)


def _subject(change: Change) -> str:
    subject = change.after or change.before
    if isinstance(subject, Service):
        return f"service {subject.name}"
    assert isinstance(subject, Reached)
    return f"backend {subject.backend.service}/{subject.backend.name}"


def _what(change: Change) -> str:
    before, after = change.before, change.after
    if change.kind is ChangeKind.NEXT_HOP:
        return f"next hop {_hop(before)} -> {_hop(after)}"
    if before is not None and after is not None:
        return ", ".join(_differences(_object(before), _object(after)))
    only = after or before
    if isinstance(only, Service):
        return endpoint(only.address, only.port, only.protocol)
    assert isinstance(only, Reached)
    backend = only.backend
    words = [str(backend.address), plain(backend.mode), f"weight {backend.weight}"]
    return "  ".join([*words, plain(backend.state)])


def _object(value: Service | Reached) -> Any:
    return value if isinstance(value, Service) else value.backend


def _differences(before: Any, after: Any, within: str = "") -> Iterable[str]:
    for field in fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or field.name == "revision":
            continue
        if is_dataclass(old):
            yield from _differences(old, new, f"{within}{field.name}.")
        else:
            yield f"{within}{field.name} {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> Any:
    return (" ".join(map(str, value)) or "none") if isinstance(value, tuple) else plain(value)


def _hop(value: Service | Reached | None) -> str:
    assert isinstance(value, Reached)
    hop = value.hop
    return f"{hop.mac} on {hop.interface}" if hop.resolved else f"none ({hop.problem})"
