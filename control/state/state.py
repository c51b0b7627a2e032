"""What is desired and where it is placed, at one revision; and how a change leads to the next.

A State is never altered: a write makes another one, so that reads need no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from accel.control.state.placement import Placement
from accel.errors import CapacityError, NotFoundError
from accel.model.backend import Backend
from accel.model.placement import Limits, NextHop, PlacedBackend, PlacedService
from accel.model.service import Service

Object = Service | Backend


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One object before and after a write; None where it did not or does not exist."""

    before: Object | None
    after: Object | None

    @property
    def subject(self) -> Object:
        """The object, as it is after the change if it still exists."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def service(self) -> str:
        """The name of the service that is changed, or whose backend is."""
        subject = self.subject
        return subject.name if isinstance(subject, Service) else subject.service


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Services by name, and for each service its backends by name."""

    revision: int = 1
    services: Mapping[str, Service] = field(default_factory=dict)
    backends: Mapping[str, Mapping[str, Backend]] = field(default_factory=dict)
    placement: Placement = field(default_factory=Placement)

    def service(self, name: str) -> Service:
        """Raises NotFoundError."""
        if name not in self.services:
            raise NotFoundError("service", name, hint="list the services to see their names")
        return self.services[name]

    def backend(self, service: str, name: str) -> Backend:
        """Raises NotFoundError for the service or the backend."""
        self.service(service)
        found = self.backends[service].get(name)
        if found is None:
            raise NotFoundError(
                "backend", f"{service}/{name}", hint=f"list the backends of {service!r}"
            )
        return found

    def every_backend(self) -> Iterator[Backend]:
        """All backends, service by service."""
        for of_service in self.backends.values():
            yield from of_service.values()

    def stamp(self, changes: Iterable[Change]) -> list[Change]:
        """The same changes, their outcome bearing the revision that they would be written at."""
        revision = self.revision + 1
        return [
            change
            if change.after is None or change.after.revision == revision
            else Change(before=change.before, after=replace(change.after, revision=revision))
            for change in changes
        ]

    def apply(self, changes: Sequence[Change], limits: Limits) -> State:
        """The next state. Raises CapacityError if something new finds no number, or no slots."""
        services, backends = self._changed(changes)
        _check_slots(services.values(), limits)
        if any(isinstance(c.after, Backend) and c.after.server_ids for c in changes):
            _check_server_ids(backends.values(), limits)
        gone = [change.before for change in changes if change.after is None]
        new = [change.after for change in changes if change.before is None]
        return State(
            revision=self.revision + 1,
            services=services,
            backends=backends,
            placement=self.placement.change(
                limits,
                release_services=[s.name for s in gone if isinstance(s, Service)],
                take_services=[s.name for s in new if isinstance(s, Service)],
                release_backends=[b.key for b in gone if isinstance(b, Backend)],
                take_backends=[b.key for b in new if isinstance(b, Backend)],
            ),
        )

    def _changed(
        self, changes: Iterable[Change]
    ) -> tuple[dict[str, Service], dict[str, Mapping[str, Backend]]]:
        """Services and backends after `changes`. What stays as it is is not copied."""
        services = dict(self.services)
        backends = dict(self.backends)
        copied: dict[str, dict[str, Backend]] = {}
        for change in changes:
            subject = change.subject
            if isinstance(subject, Service):
                if change.after is None:
                    del services[subject.name]
                    del backends[subject.name]
                    copied.pop(subject.name, None)
                else:
                    services[subject.name] = subject
                    backends.setdefault(subject.name, {})
                continue
            if subject.service not in copied:
                copied[subject.service] = dict(backends[subject.service])
                backends[subject.service] = copied[subject.service]
            if change.after is None:
                del copied[subject.service][subject.name]
            else:
                copied[subject.service][subject.name] = subject
        return services, backends

    def placed(self, name: str, next_hop: Callable[[Backend], NextHop | None]) -> PlacedService:
        """Service `name` as the data path wants it, its backends in order of their names."""
        slots = self.placement.backends.taken
        return PlacedService(
            service=self.services[name],
            index=self.placement.services.taken[name].number,
            backends=tuple(
                PlacedBackend(
                    backend=backend,
                    number=slots[backend.key].number,
                    generation=slots[backend.key].generation,
                    next_hop=next_hop(backend),
                )
                for _, backend in sorted(self.backends[name].items())
            ),
        )


def _check_slots(services: Iterable[Service], limits: Limits) -> None:
    slots = sum(service.ring_size for service in services)
    if slots > limits.slots:
        raise CapacityError(
            "slots of all rings", needed=slots, limit=limits.slots, option="--max-slots"
        )


def _check_server_ids(backends: Iterable[Mapping[str, Backend]], limits: Limits) -> None:
    ids = sum(len(b.server_ids) for of_service in backends for b in of_service.values())
    if ids > limits.backends:
        raise CapacityError(
            "server ids", needed=ids, limit=limits.backends, option="--max-backends"
        )
