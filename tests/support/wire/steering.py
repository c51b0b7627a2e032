"""What the wire tests share: services and backends of a lab, and what is asked of them."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence

from accel.lab import Host
from accel.lab.clients.requests import Answer
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.backend import Backend, Mode, State
from accel.model.results.gateway import Target
from accel.model.service import Protocol, Service

SERVICE = {
    4: ipaddress.ip_address("198.51.100.1"),
    6: ipaddress.ip_address("2001:db8:5e::1"),
}


def url(address: Address, path: str = "", scheme: str = "http") -> str:
    """The URL of `path` at a service's address."""
    return f"{scheme}://{f'[{address}]' if address.version == 6 else address}/{path}"


def a_service(version: int, *, port: int = 0, protocol: Protocol = Protocol.TCP) -> Service:
    """The service at SERVICE[version]."""
    name = f"{protocol.name.lower()}{version}-{port}"
    return Service(name=name, address=SERVICE[version], port=port, protocol=protocol)


def its_backends(
    service: Service, hosts: Sequence[Host], mode: Mode, *, outer: int | None = None
) -> list[Backend]:
    """`hosts` behind `service`, reached at their addresses of IP version `outer`."""
    version = outer or service.address.version
    return [
        Backend(service=service.name, name=host.name, address=host.address(version), mode=mode)
        for host in hosts
    ]


def packets(daemon: Daemon, verdict: str) -> int:
    """How many packets ended in `verdict`, at any service or backend."""
    stats = daemon.client.stats()
    counts = [*stats.gateway]
    for service in stats.services:
        counts += service.counts
        for backend in service.backends:
            counts += backend.counts
    return sum(count.packets for count in counts if count.verdict == verdict)


def set_state(daemon: Daemon, service: Service, name: str, state: State) -> None:
    """Let one backend be in `state`."""
    daemon.client.update_backend(service.name, name, state=state)


def errors(answers: Sequence[Answer]) -> Counter[str]:
    """What went wrong, and how often."""
    return Counter(answer.error for answer in answers if answer.error)


def spread(answers: Sequence[Answer]) -> Counter[str]:
    """How many answers each backend gave."""
    return Counter(answer.backend for answer in answers if answer.ok)


def chosen(daemon: Daemon, service: Service, client: Address, port: int) -> str:
    """The backend that a SYN from there would go to now."""
    target = Target(service=service.name, port=80)
    return daemon.client.explain((client, port), target, syn=True).backend
