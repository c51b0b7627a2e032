"""QUIC server ids: one for each form of connection ids that a service allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accel.errors import InvalidError
from accel.model.hints import LONGEST_ID, ROTATIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerId:
    """A backend's id in connection ids of one rotation."""

    rotation: int
    id: bytes

    def __str__(self) -> str:
        """As options have it."""
        return f"{self.rotation}:{self.id.hex()}"


ServerIds = tuple[ServerId, ...]


def in_order(ids: Iterable[ServerId]) -> ServerIds:
    """By rotation: in which order they were given says nothing."""
    return tuple(sorted(ids, key=lambda each: (each.rotation, each.id)))


def plain(ids: ServerIds) -> dict[int, str]:
    """As files have them: in hexadecimal digits by rotation."""
    return {each.rotation: each.id.hex() for each in ids}


def read(found: Mapping[str, str]) -> ServerIds:
    """What `plain` has made. Raises ValueError."""
    return in_order(ServerId(rotation=int(r), id=bytes.fromhex(id)) for r, id in found.items())


def parse(rotation: str, digits: str, path: str) -> ServerId:
    """One of them as people write it. Raises InvalidError."""
    if not (rotation.isascii() and rotation.isdecimal() and int(rotation) < ROTATIONS):
        raise InvalidError(
            path,
            f"{rotation!r} is not a rotation from 0 to {ROTATIONS - 1}",
            hint="the first three bits of a connection id, which name its form",
        )
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    if not found or len(found) * 2 != len(digits):
        raise InvalidError(
            path,
            f"{digits!r} is not an id",
            hint=f"1 to {LONGEST_ID} bytes in hexadecimal digits, as a1b2c3d4",
        )
    return ServerId(rotation=int(rotation), id=found)


def check(ids: ServerIds, path: str) -> None:
    """What a backend may have by itself. Raises InvalidError that names the field."""
    rotations: set[int] = set()
    for each in ids:
        place = f"{path}.{each.rotation}"
        if not 0 <= each.rotation < ROTATIONS:
            raise InvalidError(
                place, f"there is no rotation {each.rotation}", hint=f"0 to {ROTATIONS - 1}"
            )
        if each.rotation in rotations:
            raise InvalidError(
                place, "has two ids", hint="give one for each form of connection ids"
            )
        if not 1 <= len(each.id) <= LONGEST_ID:
            raise InvalidError(
                place, f"has {len(each.id)} bytes", hint=f"from 1 to {LONGEST_ID} bytes"
            )
        rotations.add(each.rotation)
