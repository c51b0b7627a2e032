"""A way to the backends that leads over a VLAN device: what leaves is tagged, and arrives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.l2 import Dot1Q, Ether

from accel.lab.clients.requests import curl
from accel.lab.hosts import INTERFACE
from accel.model.backend import Mode
from accel.model.results.gateway import Target
from tests.support.wire.machine_network import Network, ip
from tests.support.wire.steering import a_service, errors, its_backends, spread, url

VLAN = 5
ENDS = {4: ("10.0.5.1", "10.0.5.2", 24), 6: ("fd00:5::1", "fd00:5::2", 64)}  # router, gateway


@pytest.fixture(scope="module")
def vlan(network: Network) -> Iterator[Network]:
    lab = network.lab
    router, gateway = lab.router, lab.gateway.namespace
    ends = ((router, lab.port(lab.gateway), 0), (gateway, INTERFACE, 1))
    far = [lab.segments[2].ipv4, lab.segments[2].ipv6]
    try:
        for namespace, device, end in ends:
            words = f"link add link {device} name vlan type vlan id {VLAN}"
            ip(namespace, *words.split())
            for version, addresses in ENDS.items():
                address = f"{addresses[end]}/{addresses[2]}"
                nodad = ["nodad"] if version == 6 else []
                ip(namespace, "address", "add", address, "dev", "vlan", *nodad)
            ip(namespace, "link", "set", "vlan", "up")
        for segment, (router_end, _, _) in zip(far, ENDS.values(), strict=True):
            ip(gateway, "route", "replace", str(segment), "via", router_end)
        yield network
    finally:
        for namespace, _, _ in ends:
            namespace.run(["ip", "link", "delete", "vlan"], check=False)


@pytest.mark.parametrize("mode", [Mode.IPIP, Mode.GUE], ids=lambda mode: mode.name)
@pytest.mark.parametrize("version", [4, 6])
def test_backends_behind_a_vlan(vlan: Network, version: int, mode: Mode) -> None:
    lab, daemon = vlan.lab, vlan.daemon
    service = a_service(version)
    daemon.apply([service], its_backends(service, lab.far, mode))
    answers = curl(lab.client, [url(service.address)] * 40 + [url(service.address, "1m")] * 2)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in lab.far}


def test_its_tag_is_explained(vlan: Network) -> None:
    lab, daemon = vlan.lab, vlan.daemon
    service = a_service(4)
    daemon.apply([service], its_backends(service, lab.far, Mode.IPIP))
    client = (lab.client.address(4), 40000)
    explained = daemon.client.explain(client, Target(service=service.name, port=80), syn=True)
    assert Ether(explained.packet_out)[Dot1Q].vlan == VLAN
