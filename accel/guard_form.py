"""Guards as plain values, with the keys and words of the configuration."""

from __future__ import annotations

import enum
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


def word(member: enum.Enum) -> str:
    """What stands for `member` in files, options and output."""
    return str(getattr(member, "label", member.name.lower()))


def member(kind: type[enum.IntEnum], text: str) -> enum.IntEnum | None:
    """The one that `text` stands for."""
    return next((found for found in kind if word(found) == text), None)


def plain(value: Any, default: Any) -> dict[str, Any]:
    """Where `value` differs from `default`, both of one kind."""
    found: dict[str, Any] = {}
    for field in fields(value):
        below, usual = getattr(value, field.name), getattr(default, field.name)
        if below == usual:
            continue
        if is_dataclass(below):
            found[field.name] = plain(below, usual)
        else:
            found[field.name] = word(below) if isinstance(below, enum.Enum) else below
    return found


def read(found: dict[str, Any], default: T) -> T:
    """What `plain` has made. Raises ValueError and TypeError for anything else."""
    given: dict[str, Any] = {}
    for name, below in found.items():
        usual = getattr(default, name, None)
        if is_dataclass(usual):
            given[name] = read(below, usual)
        elif isinstance(usual, enum.IntEnum):
            given[name] = member(type(usual), below)
        else:
            given[name] = int(below)
        if given[name] is None:
            raise ValueError(f"{below!r} is no {name} of a guard")
    return replace(default, **given)  # type: ignore[type-var]
