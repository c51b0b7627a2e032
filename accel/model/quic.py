"""The ids of backends in QUIC connection ids: what each has, and what a service allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel.errors import InvalidError
from accel.model.hints import LONGEST_ID, ROTATIONS

if TYPE_CHECKING:
    from accel.model.backend import Backend
    from accel.model.service import Service


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


def check_fit(service: Service, backend: Backend, path: str) -> None:
    """That the forms of `service` have room for the ids of `backend`. Raises InvalidError."""
    for each in backend.server_ids:
        form = service.hints.form(each.rotation)
        if form is None:
            raise InvalidError(
                f"{path}.{each.rotation}",
                f"service {service.name!r} has no form of connection ids with that rotation",
                hint="add it to quic in the service's hints, or leave the id out",
            )
        if len(each.id) != form.server_id_length:
            raise InvalidError(
                f"{path}.{each.rotation}",
                f"{each.id.hex()} has {len(each.id)} bytes, and that form of service "
                f"{service.name!r} has {form.server_id_length}",
                hint="give an id of that length",
            )


def check_kept(service: Service, backends: Iterable[Backend], path: str) -> None:
    """That what `backends` have still fits `service`. Raises InvalidError for its forms."""
    for backend in backends:
        try:
            check_fit(service, backend, "")
        except InvalidError:
            ids = ", ".join(map(str, backend.server_ids))
            raise InvalidError(
                path,
                f"backend {backend.name!r} has the server ids {ids}, which would not fit any more",
                hint="take them away first, or change both at once: accel apply",
            ) from None


class Taken:
    """Whose ids there are already."""

    def __init__(self, backends: Iterable[Backend] = ()) -> None:
        self._of: dict[tuple[str, ServerId], str] = {}
        for backend in backends:
            self._of.update(((backend.service, each), backend.name) for each in backend.server_ids)

    def take(self, backend: Backend, path: str) -> None:
        """Raises InvalidError if another backend of its service has one of its ids."""
        for each in backend.server_ids:
            owner = self._of.setdefault((backend.service, each), backend.name)
            if owner != backend.name:
                raise InvalidError(
                    f"{path}.{each.rotation}",
                    f"{each.id.hex()} is the id of backend {owner!r} already",
                    hint="give each backend of a service an id of its own",
                )
