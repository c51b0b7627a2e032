"""Services and backends as rows of a table, and as plain values with the keys of the file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accel.answers import Reached
from accel.cli.endpoint import endpoint
from accel.cli.output import Table, plain
from accel.model import Mode, Service


def plain_service(service: Service) -> dict[str, Any]:
    """The keys of a service in the configuration, and its revision."""
    value: dict[str, Any] = plain(service)
    return value


def plain_backend(reached: Reached) -> dict[str, Any]:
    """The keys of a backend in the configuration, its service, revision and next hop."""
    value: dict[str, Any] = plain(reached.backend)
    return {**value, "next_hop": plain(reached.hop)}


def services(found: Iterable[Service], backends: Iterable[Reached]) -> Table:
    """One row for each service, with the number of its backends that are up."""
    count: dict[str, list[int]] = {}
    for reached in backends:
        of = count.setdefault(reached.backend.service, [0, 0])
        of[0] += reached.backend.state.name == "UP"
        of[1] += 1
    rows = []
    for s in found:
        up, all_ = count.get(s.name, [0, 0])
        where = endpoint(s.address, s.port, s.protocol)
        rows.append((s.name, where, f"{up}/{all_} up", s.ring_size, s.revision))
    return Table(("NAME", "ADDRESS", "BACKENDS", "RING", "REVISION"), rows)


def backends(found: Iterable[Reached]) -> Table:
    """One row for each backend, with its next hop or what keeps it from having one."""
    rows = [
        (
            f"{b.service}/{b.name}",
            b.address,
            plain(b.mode) + (f":{b.gue_port}" if b.mode is Mode.GUE else ""),
            b.weight,
            plain(b.state),
            next_hop(reached),
        )
        for reached in found
        for b in (reached.backend,)
    ]
    return Table(("NAME", "ADDRESS", "MODE", "WEIGHT", "STATE", "NEXT HOP"), rows)


def next_hop(reached: Reached) -> str:
    """As in "eth1 02:00:00:00:00:02 mtu 1500"."""
    hop = reached.hop
    if reached.backend.mode is Mode.LOCAL:
        return "this host"
    if not hop.resolved:
        return f"none: {hop.problem}"
    return f"{hop.interface} {hop.mac} mtu {hop.mtu}"
