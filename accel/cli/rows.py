"""Services and backends as rows of a table, and as plain values with the keys of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from accel.cli.endpoint import endpoint
from accel.model import quic
from accel.model.backend import Mode, State
from accel.model.results.gateway import Reached
from accel.model.service import Service
from accel.terminal import Table, plain


def plain_service(service: Service) -> dict[str, Any]:
    """The keys of a service in the configuration, and its revision."""
    value: dict[str, Any] = plain(service)
    return value


def plain_backend(reached: Reached) -> dict[str, Any]:
    """The keys of a backend in the configuration, its service, revision and next hop."""
    value: dict[str, Any] = plain(reached.backend)
    ids = quic.plain(reached.backend.server_ids)
    return {**value, "server_ids": ids, "next_hop": plain(reached.hop)}


def services(found: Iterable[Service], backends: Iterable[Reached]) -> Table:
    """One row for each service, with how many of its backends get new flows."""
    all_: Counter[str] = Counter()
    ready: Counter[str] = Counter()
    for reached in backends:
        all_[reached.backend.service] += 1
        ready[reached.backend.service] += reached.backend.state is State.UP and reached.hop.resolved
    rows = [
        (
            s.name,
            endpoint(s.address, s.port, s.protocol),
            f"{ready[s.name]}/{all_[s.name]}",
            s.ring_size,
            s.revision,
        )
        for s in found
    ]
    return Table(("NAME", "ADDRESS", "READY", "RING", "REVISION"), rows)


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
