"""Dataclasses of settings to and from the messages of accel.v1, whose fields have their names.

A tuple of dataclasses is a message of one repeated field: if it is set, it is the whole list.
"""

from __future__ import annotations

import enum
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from accel.errors import InvalidError
from accel.model.plain_values import OF

T = TypeVar("T")


def put_unless(default: Any, into: Any, name: str, value: Any) -> None:
    """Fill the message `name` of `into`. What is all default is left out, as most are."""
    if value != default:
        put(getattr(into, name), value)


def given(message: Any, name: str, before: T, path: str) -> T:
    """`before` with what the message `name` of `message` gives. Raises InvalidError that names the
    field below `path`."""
    return _merge(getattr(message, name), before, path) if message.HasField(name) else before


def put(into: Any, value: Any) -> None:
    """Fill a message with all that `value` has."""
    for field in fields(value):
        below = getattr(value, field.name)
        if is_dataclass(below):
            put(getattr(into, field.name), below)
        elif isinstance(below, tuple):
            put_items(getattr(into, field.name), below)
        else:
            setattr(into, field.name, int(below) if isinstance(below, enum.IntEnum) else below)


def put_items(into: Any, items: tuple[Any, ...]) -> None:
    """Fill a message of one repeated field; it is set, even with none."""
    into.SetInParent()
    for item in items:
        put(_repeated(into).add(), item)


def items(message: Any, kind: type[T]) -> tuple[T, ...]:
    """What `put_items` has put."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return tuple(
        kind(**{name: getattr(item, name) for name in names}) for item in _repeated(message)
    )


def _merge(message: Any, before: T, path: str) -> T:
    """Not given is what is 0, or has no value where 0 means something."""
    found: dict[str, Any] = {}
    for field in fields(before):  # type: ignore[arg-type]
        value, there = getattr(before, field.name), getattr(message, field.name)
        place = f"{path}.{field.name}"
        if is_dataclass(value):
            found[field.name] = _merge(there, value, place)
        elif isinstance(value, tuple):
            if message.HasField(field.name):
                found[field.name] = items(there, field.metadata[OF])
        elif isinstance(value, enum.IntEnum):
            found[field.name] = member(type(value), there, place) if there else value
        elif message.HasField(field.name) if _optional(message, field.name) else there:
            found[field.name] = there
    return replace(before, **found)  # type: ignore[type-var]


def _repeated(message: Any) -> Any:
    return getattr(message, message.DESCRIPTOR.fields[0].name)


def _optional(message: Any, name: str) -> bool:
    return bool(message.DESCRIPTOR.fields_by_name[name].has_presence)


def member(kind: type[enum.IntEnum], number: int, path: str) -> Any:
    """The one of that number. Raises InvalidError that names `path`."""
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(f"{member.value} ({member.name.lower()})" for member in kind)
        raise InvalidError(path, f"{number} is not known", hint=f"one of {known}") from None
