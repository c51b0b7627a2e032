"""What the demo shows: its services, its backends with their weights, and the drawing of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from accel.lab.hosts import Host
from accel.lab.network import Lab
from accel.model.address import Address
from accel.model.backend import Backend, Mode
from accel.model.service import Protocol, Service

WEIGHTS = {"b1": 100, "b2": 100, "b3": 200, "b4": 100, "b5": 200, "b6": 100}
DRAINED, KILLED = "b5", "b2"

DRAWING = """\
   client ──── router ─────┬──── gateway     acceld and its XDP program: the way in
 (curl)          │         ├──── b1
                 │ far     ├──── b2          near: reached on their own link (l2dsr)
                 │         └──── b3
                 └─────────┬──── b4
                           ├──── b5          far: reached inside IP or UDP (ipip, gue)
                           └──── b6
 A request goes client → router → gateway → backend; the answer goes backend → router → client,
 past the gateway. Each name is a network namespace of this machine, with real TCP between them.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One service of the demo, and its backends."""

    service: Service
    backends: tuple[Backend, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its backends."""
        return tuple(backend.name for backend in self.backends)

    def url(self, scheme: str) -> str:
        """Of a body of 1 KB."""
        host = f"[{self.address}]" if self.address.version == 6 else f"{self.address}"
        return f"{scheme}://{host}/1k"

    @property
    def address(self) -> Address:
        return self.service.address


def services(lab: Lab) -> list[Shown]:
    """ipip, gue and l2dsr, each over IPv4 and IPv6, for TCP at any port."""
    shown = []
    rows = ((Mode.IPIP, lab.far), (Mode.GUE, lab.far), (Mode.L2DSR, lab.near))
    for number, (mode, hosts) in enumerate(rows, start=1):
        for version, network in ((4, "198.51.100.{}"), (6, "2001:db8:5e::{}")):
            service = Service(
                name=f"{mode.name.lower()}-v{version}",
                address=ipaddress.ip_address(network.format(number)),
                port=0,
                protocol=Protocol.TCP,
            )
            shown.append(Shown(service=service, backends=_backends(service, hosts, mode)))
    return shown


def _backends(service: Service, hosts: list[Host], mode: Mode) -> tuple[Backend, ...]:
    return tuple(
        Backend(
            service=service.name,
            name=host.name,
            address=host.address(service.address.version),
            weight=WEIGHTS[host.name],
            mode=mode,
        )
        for host in hosts
    )
