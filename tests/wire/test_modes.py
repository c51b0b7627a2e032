"""Real HTTP and TLS through every mode, from curl to nginx and straight back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from accel.lab import Lab, Topology
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.backend import Mode
from accel.model.results.gateway import Target
from tests.support.wire.steering import (
    SERVICE,
    a_service,
    errors,
    its_backends,
    packets,
    spread,
    url,
)

MEGABYTE = 1 << 20


TUNNELS = [
    (mode, inner, outer) for mode in (Mode.IPIP, Mode.GUE) for inner in (4, 6) for outer in (4, 6)
]
ROWS = [*TUNNELS, (Mode.L2DSR, 4, 4), (Mode.L2DSR, 6, 6)]


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Lab(Topology(clients=len(ROWS), near=2, far=2)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.serve(list(SERVICE.values()), hosts=[lab.gateway])
        lab.unwrap()
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


@pytest.mark.parametrize(("mode", "inner", "outer"), ROWS, ids=lambda value: str(value))
def test_requests_are_answered(network: Network, mode: Mode, inner: int, outer: int) -> None:
    lab, daemon = network.lab, network.daemon
    hosts = lab.near if mode is Mode.L2DSR else lab.backends
    service = a_service(inner)
    daemon.apply([service], its_backends(service, hosts, mode, outer=outer))

    explained = daemon.client.explain(
        (lab.client.address(inner), 40000), Target(service=service.name, port=80), syn=True
    )
    left = Ether(explained.packet_out)
    assert isinstance(left.payload, IP if outer == 4 else IPv6)
    if mode is Mode.L2DSR:
        assert left.payload.dst == str(service.address)
        assert left.dst in {host.mac for host in hosts}
    else:
        assert left.payload.dst in {str(host.address(outer)) for host in hosts}
        assert (UDP in left and left[UDP].dport == 6080) == (mode is Mode.GUE)

    urls = [url(service.address)] * 200 + [url(service.address, "1k", "https")] * 60
    urls += [url(service.address, "1m")] * 8
    answers = curl(lab.client, urls)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in hosts}
    assert [a.size for a in answers].count(MEGABYTE) == 8
    assert packets(daemon, "forward_new") >= len(urls)


@pytest.mark.parametrize(("mode", "inner", "outer"), ROWS, ids=lambda value: str(value))
def test_a_megabyte_goes_up(network: Network, mode: Mode, inner: int, outer: int) -> None:
    """Full-size packets of the client do not fit once encapsulated: it is told so."""
    lab, daemon = network.lab, network.daemon
    hosts = lab.near[:1] if mode is Mode.L2DSR else lab.far[:1]
    service = a_service(inner)
    daemon.apply([service], its_backends(service, hosts, mode, outer=outer))
    body = lab.folder / "body"
    body.write_bytes(bytes(MEGABYTE))
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--globoff"]
    command += ["--data-binary", f"@{body}", url(service.address, "upload")]
    # A host remembers the path MTU that it found, so each row has its own.
    client = lab.clients[ROWS.index((mode, inner, outer))]
    told = packets(daemon, "too_big")
    assert client.namespace.run(command).stdout == f"{MEGABYTE}\n"
    assert (packets(daemon, "too_big") > told) == (mode is not Mode.L2DSR)


@pytest.mark.parametrize("version", [4, 6])
def test_local(network: Network, version: int) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(version)
    daemon.apply([service], its_backends(service, [lab.gateway], Mode.LOCAL))
    urls = [url(service.address)] * 50 + [url(service.address, "1m", "https")] * 4
    answers = curl(lab.client, urls)
    assert errors(answers) == {}
    assert set(spread(answers)) == {lab.gateway.name}


@pytest.mark.parametrize("version", [4, 6])
def test_modes_side_by_side(network: Network, version: int) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(version)
    backends = [
        *its_backends(service, lab.near[:1], Mode.L2DSR),
        *its_backends(service, lab.near[1:], Mode.GUE),
        *its_backends(service, lab.far[:1], Mode.IPIP),
        *its_backends(service, lab.far[1:], Mode.GUE, outer=10 - version),
        *its_backends(service, [lab.gateway], Mode.LOCAL),
    ]
    daemon.apply([service], backends)
    answers = curl(lab.client, [url(service.address)] * 500)
    assert errors(answers) == {}
    assert set(spread(answers)) == {backend.name for backend in backends}


def test_what_is_no_service_reaches_the_gateway_itself(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    daemon.apply([], [])
    before = packets(daemon, "not_service")
    (answer,) = curl(lab.client, [f"http://{lab.gateway.ipv4}:81/"])
    assert "connect" in answer.error
    assert packets(daemon, "not_service") > before
