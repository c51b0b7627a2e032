"""What each kind of write would change. Pure: a plan looks at a state and returns changes.

A plan raises the errors of the write: InvalidError, NotFoundError, ExistsError, RevisionError.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from accel.control.state.state import Change, State
from accel.errors import ExistsError, InvalidError, NotFoundError, RevisionError
from accel.model.backend import Backend
from accel.model.desired import Taken, check_desired, check_fit, check_kept
from accel.model.service import Service

Plan = Callable[[State], list[Change]]
T = TypeVar("T", Service, Backend)
_said = {
    kind: attrgetter(*(field.name for field in fields(kind) if field.name != "revision"))
    for kind in (Service, Backend)
}
"""All that a caller says of an object."""


def create_service(service: Service, *, expected_revision: int = 0) -> Plan:
    """`expected_revision` is that of the whole store; 0 for any."""

    def plan(state: State) -> list[Change]:
        _expect("the store", state.revision, expected_revision)
        service.check()
        if service.name in state.services:
            raise ExistsError("service", service.name, hint="update it instead")
        _check_free(service, state)
        return [Change(before=None, after=service)]

    return plan


def update_service(
    name: str, merge: Callable[[Service], Service], *, expected_revision: int = 0
) -> Plan:
    """`merge` makes the new service of the old one; `expected_revision` is that of the service."""

    def plan(state: State) -> list[Change]:
        before = state.service(name)
        _expect(f"service {name!r}", before.revision, expected_revision)
        after = merge(before).check()
        _check_free(after, state)
        check_kept(after, state.backends[name].values(), "service.hints.quic")
        return _changed(before, after)

    return plan


def delete_service(name: str, *, expected_revision: int = 0) -> Plan:
    """With its backends; `expected_revision` is that of the service."""

    def plan(state: State) -> list[Change]:
        before = state.service(name)
        _expect(f"service {name!r}", before.revision, expected_revision)
        return [
            *(Change(before=b, after=None) for b in state.backends[name].values()),
            Change(before=before, after=None),
        ]

    return plan


def create_backend(backend: Backend, *, expected_revision: int = 0) -> Plan:
    """`expected_revision` is that of the whole store; 0 for any."""

    def plan(state: State) -> list[Change]:
        _expect("the store", state.revision, expected_revision)
        backend.check()
        if backend.service not in state.services:
            raise NotFoundError("service", backend.service, hint="create the service first")
        if backend.name in state.backends[backend.service]:
            raise ExistsError(
                "backend", f"{backend.service}/{backend.name}", hint="update it instead"
            )
        _check_ids(backend, state)
        return [Change(before=None, after=backend)]

    return plan


def update_backend(
    service: str, name: str, merge: Callable[[Backend], Backend], *, expected_revision: int = 0
) -> Plan:
    """`merge` makes the new backend of the old one; `expected_revision` is that of the backend."""

    def plan(state: State) -> list[Change]:
        before = state.backend(service, name)
        _expect(f"backend '{service}/{name}'", before.revision, expected_revision)
        after = merge(before).check()
        _check_ids(after, state)
        return _changed(before, after)

    return plan


def delete_backend(service: str, name: str, *, expected_revision: int = 0) -> Plan:
    """`expected_revision` is that of the backend."""

    def plan(state: State) -> list[Change]:
        before = state.backend(service, name)
        _expect(f"backend '{service}/{name}'", before.revision, expected_revision)
        return [Change(before=before, after=None)]

    return plan


def apply(
    read: Callable[[int], tuple[Sequence[Service], Sequence[Backend]]],
    *,
    prune: bool = False,
    expected_revision: int = 0,
) -> Plan:
    """The whole desired state; with `prune` what is not named is deleted, else it stays.

    `read` gives it with the revision that it is to bear, so that it need not be copied for that.
    Deletions come first, backends before their service; then services before their backends.
    """

    def plan(state: State) -> list[Change]:
        _expect("the store", state.revision, expected_revision)
        services, backends = read(state.revision + 1)
        named = {service.name for service in services}
        kept = [] if prune else [s for s in state.services.values() if s.name not in named]
        taken = {service.key: service.name for service in kept}
        for i, service in enumerate(services):
            if service.key in taken:
                raise _not_free(f"services[{i}].address", taken[service.key])
        desired = check_desired(chain(services, kept), backends)
        if not prune:
            _check_kept_ids(services, backends, desired.backends.keys(), state)
        changes: list[Change] = []
        if prune:
            wanted = desired.backends
            changes += (
                Change(before=b, after=None) for b in state.every_backend() if b.key not in wanted
            )
            changes += (
                Change(before=s, after=None) for s in state.services.values() if s.name not in named
            )
        for service in services:
            changes += _changed(state.services.get(service.name), service)
        for backend in backends:
            of_service = state.backends.get(backend.service, {})
            changes += _changed(of_service.get(backend.name), backend)
        return changes

    return plan


def _changed(before: T | None, after: T) -> list[Change]:
    if before is not None and _said[type(after)](before) == _said[type(after)](after):
        return []
    return [Change(before=before, after=after)]


def _expect(what: str, found: int, expected: int) -> None:
    if expected not in (0, found):
        raise RevisionError(what, expected=expected, found=found)


def _check_free(service: Service, state: State) -> None:
    for other in state.services.values():
        if other.key == service.key and other.name != service.name:
            raise _not_free("service.address", other.name)


def _check_ids(backend: Backend, state: State) -> None:
    others = state.backends[backend.service].values()
    check_fit(state.services[backend.service], backend, "backend.server_ids")
    Taken(b for b in others if b.name != backend.name).take(backend, "backend.server_ids")


def _check_kept_ids(
    services: Sequence[Service],
    backends: Sequence[Backend],
    named: Collection[tuple[str, str]],
    state: State,
) -> None:
    """What is not named stays as it is, and its ids with it."""
    kept = [b for b in state.every_backend() if b.server_ids and b.key not in named]
    if not kept:
        return
    for i, service in enumerate(services):
        check_kept(
            service, [b for b in kept if b.service == service.name], f"services[{i}].hints.quic"
        )
    taken = Taken(kept)
    for i, backend in enumerate(backends):
        taken.take(backend, f"backends[{i}].server_ids")


def _not_free(path: str, name: str) -> InvalidError:
    return InvalidError(
        path,
        f"{name!r} has this address, port and protocol already",
        hint=f"change or delete {name!r} first, or give another address, port or protocol",
    )
