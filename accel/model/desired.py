"""A whole desired state: services and backends, each checked, and checked against each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from accel.errors import InvalidError
from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.quic import ServerId
from accel.model.service import Protocol, Service


@dataclass(frozen=True, kw_only=True)
class Desired:
    """A whole desired state: what is stored, and what the data path is made to be."""

    services: dict[str, Service] = field(default_factory=dict)
    backends: dict[tuple[str, str], Backend] = field(default_factory=dict)

    def of_service(self, name: str) -> list[Backend]:
        """The backends of service `name`, in order of their names."""
        return [b for key, b in sorted(self.backends.items()) if key[0] == name]


def check_desired(services: Iterable[Service], backends: Iterable[Backend]) -> Desired:
    """Check every object and what they say of each other, and return them by key.

    Raises InvalidError naming the first field that is wrong, as in ``services[2].port``.
    """
    by_name: dict[str, Service] = {}
    taken: dict[tuple[Address, int, Protocol], str] = {}
    for i, service in enumerate(services):
        service.check(f"services[{i}]")
        if service.name in by_name:
            raise InvalidError(
                f"services[{i}].name",
                f"{service.name!r} stands there twice",
                hint="give each service a name of its own",
            )
        if service.key in taken:
            raise InvalidError(
                f"services[{i}].address",
                f"{taken[service.key]!r} has this address, port and protocol already",
                hint="give it another port or address, or put the backends behind one service",
            )
        by_name[service.name] = service
        taken[service.key] = service.name
    by_key: dict[tuple[str, str], Backend] = {}
    ids = Taken()
    for i, backend in enumerate(backends):
        backend.check(f"backends[{i}]")
        if backend.service not in by_name:
            raise InvalidError(
                f"backends[{i}].service",
                f"there is no service {backend.service!r}",
                hint="name one of the services, or add it",
            )
        if backend.key in by_key:
            raise InvalidError(
                f"backends[{i}].name",
                f"{backend.name!r} stands there twice",
                hint="give each backend of a service a name of its own",
            )
        if backend.server_ids:
            check_fit(by_name[backend.service], backend, f"backends[{i}].server_ids")
            ids.take(backend, f"backends[{i}].server_ids")
        by_key[backend.key] = backend
    return Desired(services=by_name, backends=by_key)


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
