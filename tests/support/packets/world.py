"""The services and backends that the rows speak of, and the names of all addresses.

One service for each way to a backend, told apart by port, over IPv4 and IPv6, TCP and UDP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_address

from accel.model.backend import Backend, Mode, State
from accel.model.placement import NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service

CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8:c::7"
API4, API6 = "192.0.2.10", "2001:db8:a::10"
ANY4, ANY6 = "192.0.2.20", "2001:db8:a::20"  # services of port 0, beside one of port 8443
HOST4, HOST6 = "192.0.2.99", "2001:db8:a::99"  # of no service
GATEWAY4, GATEWAY6 = "10.0.0.254", "fd00::fe"  # the sources of outer headers
BACKEND4, BACKEND6 = "10.0.0.1", "fd00::1"

CLIENT_MAC, GATEWAY_MAC = "02:00:00:00:00:c1", "02:00:00:00:00:01"
HOP_MAC, OUT_MAC = "02:00:00:00:00:b1", "02:00:00:00:00:02"
OUT, LOOPBACK = 77, 1  # interfaces; test runs come in by the loopback
VLAN = 100
MTU = 1500
RING_SIZE = 251
GENERATION = 3
GUE_PORT = 6080
ANY_PORT = 8443


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to a backend, and the port of the services whose backends are reached so."""

    name: str
    port: int
    mode: Mode = Mode.IPIP
    outer: int = 4  # IP version of the backend's address
    ifindex: int = OUT
    vlan: int = 0
    backends: int = 1


WAYS = {
    w.name: w
    for w in (
        Way(name="ipip4", port=443),
        Way(name="ipip6", port=444, outer=6),
        Way(name="gue4", port=445, mode=Mode.GUE),
        Way(name="gue6", port=446, mode=Mode.GUE, outer=6),
        Way(name="l2dsr", port=447, mode=Mode.L2DSR),
        Way(name="local", port=448, mode=Mode.LOCAL),
        Way(name="tagged", port=449, vlan=VLAN),
        Way(name="tagged_gue6", port=450, mode=Mode.GUE, outer=6, vlan=VLAN),
        Way(name="tagged_l2dsr", port=451, mode=Mode.L2DSR, vlan=VLAN),
        Way(name="hairpin", port=452, ifindex=LOOPBACK),
        Way(name="pool", port=453, backends=3),
        Way(name="empty", port=454, backends=0),
    )
}


class World:
    """Placed services by name, such as "ipip4-tcp6": way, protocol, the client's IP version."""

    def __init__(self) -> None:
        self.services: dict[str, PlacedService] = dict(_placed())

    def numbers(self, name: str) -> list[int]:
        """The backend numbers of service `name`."""
        return [b.number for b in self.services[name].backends]

    def change(
        self,
        service: str,
        number: int,
        *,
        state: State | None = None,
        generation: int | None = None,
        next_hop: bool = True,
        source: bool = True,
    ) -> None:
        """Change one backend of `service`; `next_hop` False loses its next hop.

        `source` False loses the address of this host that outer headers would come from.
        """
        self.services[service] = replace(
            self.services[service],
            backends=tuple(
                replace(
                    b,
                    backend=replace(b.backend, state=b.backend.state if state is None else state),
                    generation=b.generation if generation is None else generation,
                    next_hop=_without(b.next_hop, next_hop=next_hop, source=source),
                )
                if b.number == number
                else b
                for b in self.services[service].backends
            ),
        )

    def remove_backend(self, service: str, number: int) -> None:
        """Take one backend away from `service`."""
        before = self.services[service]
        left = tuple(b for b in before.backends if b.number != number)
        self.services[service] = replace(before, backends=left)


@cache
def _placed() -> dict[str, PlacedService]:
    """What each world begins with."""
    placed: dict[str, PlacedService] = {}
    number = 1
    for service, way in _services():
        numbers = range(number, number + way.backends)
        number += way.backends
        placed[service.name] = PlacedService(
            service=service,
            index=len(placed) + 1,
            backends=tuple(_backend(service, way, n) for n in numbers),
        )
    return placed


def _without(hop: NextHop | None, *, next_hop: bool, source: bool) -> NextHop | None:
    if hop is None or not next_hop:
        return None
    return hop if source else replace(hop, source=None)


def _services() -> Iterator[tuple[Service, Way]]:
    for protocol in Protocol:
        for version, api in ((4, API4), (6, API6)):
            for way in WAYS.values():
                name = f"{way.name}-{protocol.name.lower()}{version}"
                yield _service(name, api, way.port, protocol), way
    for version, address in ((4, ANY4), (6, ANY6)):
        yield _service(f"any-tcp{version}", address, 0, Protocol.TCP), WAYS["ipip4"]
        yield _service(f"exact-tcp{version}", address, ANY_PORT, Protocol.TCP), WAYS["ipip4"]


def _service(name: str, address: str, port: int, protocol: Protocol) -> Service:
    return Service(
        name=name, address=ip_address(address), port=port, protocol=protocol, ring_size=RING_SIZE
    )


def _backend(service: Service, way: Way, number: int) -> PlacedBackend:
    return PlacedBackend(
        backend=Backend(
            service=service.name,
            name=f"b{number}",
            address=ip_address(BACKEND4 if way.outer == 4 else BACKEND6),
            mode=way.mode,
            gue_port=GUE_PORT,
        ),
        number=number,
        generation=GENERATION,
        next_hop=NextHop(
            ifindex=way.ifindex,
            interface="out",
            mac=mac(HOP_MAC),
            source_mac=mac(OUT_MAC),
            mtu=MTU,
            vlan=way.vlan,
            source=ip_address(GATEWAY4 if way.outer == 4 else GATEWAY6),
        ),
    )


def mac(text: str) -> bytes:
    """Six bytes."""
    return bytes.fromhex(text.replace(":", ""))
