"""Mode cookie-backend under floods: backends get none of them, and clients notice nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from accel.ebpf import probes
from accel.lab import INTERFACE, Lab, Topology, unwrap
from accel.lab.clients.flood import Kind, at_gateway
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Traffic, curl
from accel.lab.daemon import Daemon
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardMode, Policy
from accel.model.results.guard import GuardState
from tests.support.wire.steering import SERVICE, a_service, errors, its_backends, packets, url
from tests.support.wire.under_attack import SOURCES, Spoils, settled, until

MANY = 100_000  # frames of a flood
RATE = 30_000  # frames per second
ALWAYS = Guard(mode=GuardMode.COOKIE_BACKEND, policy=Policy.ALWAYS)
AUTO = Guard(mode=GuardMode.COOKIE_BACKEND, policy=Policy.AUTO, on_rate=5_000, hold=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    lab: Lab
    daemon: Daemon
    spoils: Spoils

    def guard(self, guard: Guard) -> None:
        """Both services, by ipip to both backends."""
        services = [dataclasses.replace(a_service(v), guard=guard) for v in SERVICE]
        backends = [b for s in services for b in its_backends(s, self.lab.far, Mode.IPIP)]
        self.daemon.apply(services, backends)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    try:
        probes.made_request()
        probes.tcx_link()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    with Lab(Topology(clients=2, homes=1, near=0, far=2)) as lab:
        lab.serve(list(SERVICE.values()))
        with Daemon(lab, options=["--key-period", "2"]) as daemon:
            secret = f"{daemon.folder / 'guard-secret'}"
            unwrap.start(
                lab.far,
                interface=INTERFACE,
                allow=[str(lab.gateway.ipv4), str(lab.gateway.ipv6)],
                cookies=["--keys-file", secret, "--key-period", "2"],
            )
            yield Place(lab=lab, daemon=daemon, spoils=Spoils(lab.far))


@pytest.mark.parametrize("kind", [Kind.SYN, Kind.ACK, Kind.MIXED])
@pytest.mark.parametrize("version", [4, 6])
def test_the_backends_get_nothing_and_clients_all(place: Place, version: int, kind: Kind) -> None:
    place.guard(ALWAYS)
    settled(place.lab, place.daemon, "cookie", "bad_cookie", "unknown_flow")
    before, address = place.spoils.packets, SERVICE[version]
    flood = at_gateway(place.lab, sources=SOURCES[version], to=address, kind=kind, most=MANY)
    with flood:
        for host in (place.lab.client, place.lab.homes[0]):
            assert errors(curl(host, [url(address)] * 50 + [url(address, "1m")] * 2)) == {}
        flood.wait()
    assert (place.spoils.packets - before) * 10_000 < MANY


@pytest.mark.parametrize("version", [4, 6])
def test_on_and_off_again(place: Place, version: int) -> None:
    """Connections stay open, and new ones are made all the time; keys roll every two seconds."""
    place.guard(AUTO)
    lab, daemon, address = place.lab, place.daemon, SERVICE[version]
    name = a_service(version).name

    def state(wanted: GuardState) -> bool:
        (guard,) = daemon.client.guards(name)
        return guard.state is wanted

    with KeptFlows(host=lab.client, address=address, count=16) as kept:
        traffic = Traffic(lab.client, [url(address, path) for path in ("1m", "1k", "", "")])
        with at_gateway(lab, sources=SOURCES[version], to=address, kind=Kind.MIXED, rate=RATE):
            until(lambda: state(GuardState.ATTACK), "an attack")
            before = packets(daemon, "cookie")
            until(lambda: packets(daemon, "cookie") > before, "cookies")
            assert errors(curl(lab.clients[1], [url(address)] * 20)) == {}
        until(lambda: state(GuardState.QUIET), "quiet")
        assert traffic.stop().errors == []
        kept.ask()
        assert kept.errors() == []
    answered = packets(daemon, "cookie")
    assert errors(curl(lab.clients[1], [url(address)] * 5)) == {}
    assert packets(daemon, "cookie") == answered
