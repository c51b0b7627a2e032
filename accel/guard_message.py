"""Guards to and from the messages of accel.v1, whose fields have the names of the values'."""

from __future__ import annotations

import enum
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from accel.errors import InvalidError
from accel.guard import UNGUARDED, Guard

T = TypeVar("T")


def put_guard(into: Any, guard: Guard) -> None:
    """Fill that of a Service message. What is all default is left out, as most are."""
    if guard != UNGUARDED:
        put(into.guard, guard)


def guard_of(message: Any, before: Guard, path: str) -> Guard:
    """`before` with what a Service message gives. Raises InvalidError that names the field."""
    return _merge(message.guard, before, path) if message.HasField("guard") else before


def put(into: Any, value: Any) -> None:
    """Fill a Guard message, or one below it, with all that `value` has."""
    for field in fields(value):
        below = getattr(value, field.name)
        if is_dataclass(below):
            put(getattr(into, field.name), below)
        else:
            setattr(into, field.name, int(below))


def _merge(message: Any, before: T, path: str) -> T:
    """Not given is what is 0, or has no value where 0 means something."""
    given: dict[str, Any] = {}
    for field in fields(before):  # type: ignore[arg-type]
        value, number = getattr(before, field.name), getattr(message, field.name)
        place = f"{path}.{field.name}"
        if is_dataclass(value):
            given[field.name] = _merge(number, value, place)
        elif isinstance(value, enum.IntEnum):
            given[field.name] = _member(type(value), number, place) if number else value
        elif message.HasField(field.name) if _optional(message, field.name) else number:
            given[field.name] = number
    return replace(before, **given)  # type: ignore[type-var]


def _optional(message: Any, name: str) -> bool:
    return bool(message.DESCRIPTOR.fields_by_name[name].has_presence)


def _member(kind: type[enum.IntEnum], number: int, path: str) -> enum.IntEnum:
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(f"{member.value} ({member.name.lower()})" for member in kind)
        raise InvalidError(path, f"{number} is not known", hint=f"one of {known}") from None
