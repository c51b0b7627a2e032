"""Dataclasses of settings as plain values, with the keys and words of the configuration."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")
OF = "of"
"""In a field's metadata: the dataclass of the members of a tuple."""


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
        elif isinstance(below, tuple):
            found[field.name] = [_whole(item) for item in below]
        else:
            found[field.name] = _scalar(below)
    return found


def _whole(value: Any) -> dict[str, Any]:
    return {field.name: _scalar(getattr(value, field.name)) for field in fields(value)}


def _scalar(value: Any) -> Any:
    return word(value) if isinstance(value, enum.Enum) else value


def read(found: Mapping[str, Any], default: T) -> T:
    """What `plain` has made. Raises ValueError and TypeError for anything else."""
    known = {field.name: field for field in fields(default)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for name, below in found.items():
        usual = getattr(default, name, None)
        if is_dataclass(usual):
            given[name] = read(below, usual)
        elif isinstance(usual, enum.IntEnum):
            given[name] = member(type(usual), below)
        elif isinstance(usual, tuple):
            kind = known[name].metadata[OF]
            given[name] = tuple(kind(**{k: int(v) for k, v in item.items()}) for item in below)
        elif isinstance(usual, bool | float):
            given[name] = type(usual)(below)
        else:
            given[name] = int(below)
        if given[name] is None:
            raise ValueError(f"{below!r} is no {name}")
    return replace(default, **given)  # type: ignore[type-var]
