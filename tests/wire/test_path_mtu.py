"""Full-size transfers where a link on the way is narrower than what both ends believe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from steering import SERVICE, a_service, errors, its_backends, packets, url

from accel.lab import INTERFACE, Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.load import curl
from accel.model import Mode

NARROW = 1400
MEGABYTE = 1 << 20
MODES = [
    (Mode.IPIP, 4, 4),
    (Mode.IPIP, 6, 4),
    (Mode.IPIP, 4, 6),
    (Mode.IPIP, 6, 6),
    (Mode.GUE, 4, 4),
    (Mode.GUE, 6, 6),
    (Mode.L2DSR, 4, 4),
    (Mode.L2DSR, 6, 6),
]


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="module")
def narrow_client() -> Iterator[Network]:
    """A client behind a narrow link that does not know of it; one for each mode, since a path
    MTU once found is remembered for a client."""
    with Lab(Topology(clients=len(MODES), near=1, far=1, clients_mtu=NARROW)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


@pytest.mark.parametrize(("mode", "inner", "outer"), MODES, ids=lambda value: str(value))
def test_download_over_a_narrow_link_to_the_client(
    narrow_client: Network, mode: Mode, inner: int, outer: int
) -> None:
    """The router's "too big" goes to the service address: it must reach the flow's backend."""
    lab, daemon = narrow_client.lab, narrow_client.daemon
    client = lab.clients[MODES.index((mode, inner, outer))]
    service = a_service(inner)
    hosts = lab.near if mode is Mode.L2DSR else lab.far
    daemon.apply([service], its_backends(service, hosts, mode, outer=outer))
    before = packets(daemon, "forward_icmp")
    answers = curl(client, [url(service.address, "1m")] * 4)
    assert errors(answers) == {}
    assert [a.size for a in answers] == [MEGABYTE] * 4
    assert packets(daemon, "forward_icmp") > before


@pytest.fixture(scope="module")
def narrow_backends() -> Iterator[Network]:
    """The gateway knows of the narrow link to the far backends by its route; clients do not."""
    with Lab(Topology(clients=len(MODES), near=0, far=1, far_mtu=NARROW)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        gateway, near, far = lab.gateway.namespace, lab.segments[1], lab.segments[2]
        for family, network, router in (
            ("-4", far.ipv4, near.ipv4[1]),
            ("-6", far.ipv6, near.ipv6[1]),
        ):
            gateway.run(
                f"ip {family} route add {network} via {router} dev {INTERFACE} mtu {NARROW}".split()
            )
        # The backend speaks of full-size segments all the same.
        clients = lab.segments[0]
        for family, network, router, size in (
            ("-4", clients.ipv4, far.ipv4[1], 1460),
            ("-6", clients.ipv6, far.ipv6[1], 1440),
        ):
            lab.far[0].namespace.run(
                f"ip {family} route add {network} via {router} advmss {size}".split()
            )
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


TUNNELS = [mode for mode in MODES if mode[0] is not Mode.L2DSR]


@pytest.mark.parametrize(("mode", "inner", "outer"), TUNNELS, ids=lambda value: str(value))
def test_upload_over_a_narrow_link_to_the_backend(
    narrow_backends: Network, mode: Mode, inner: int, outer: int
) -> None:
    """The gateway itself says "too big", with what is left once it has encapsulated."""
    lab, daemon = narrow_backends.lab, narrow_backends.daemon
    client = lab.clients[MODES.index((mode, inner, outer))]
    service = a_service(inner)
    daemon.apply([service], its_backends(service, lab.far, mode, outer=outer))
    body = lab.folder / "body"
    body.write_bytes(bytes(MEGABYTE))
    before = packets(daemon, "too_big")
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--globoff"]
    command += ["--data-binary", f"@{body}", url(service.address, "upload")]
    assert client.namespace.run(command).stdout == f"{MEGABYTE}\n"
    assert packets(daemon, "too_big") > before
    overhead = {4: 20, 6: 40}[outer] + (8 if mode is Mode.GUE else 0)
    found = client.namespace.run(["ip", "route", "get", str(service.address)]).stdout
    assert f"mtu {NARROW - overhead}" in found
