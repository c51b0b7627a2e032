"""A way to the backends that leads over a VLAN device: what leaves is tagged, and arrives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.l2 import Dot1Q, Ether
from steering import SERVICE, a_service, errors, its_backends, spread, url

from accel.answers import Target
from accel.lab import Lab, Topology, unwrap
from accel.lab.daemon import Daemon
from accel.lab.hosts import INTERFACE
from accel.lab.load import curl
from accel.model import Mode

VLAN = 5
ENDS = {4: ("10.0.5.1", "10.0.5.2", 24), 6: ("fd00:5::1", "fd00:5::2", 64)}  # router, gateway


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(Topology(near=0, far=2)) as lab:
        router, gateway = lab.router, lab.gateway.namespace
        port = lab.port(lab.gateway)
        for namespace, device, end in ((router, port, 0), (gateway, INTERFACE, 1)):
            add = f"ip link add link {device} name vlan type vlan id {VLAN}".split()
            made = namespace.run(add, check=False)
            if made.returncode:
                pytest.skip(f"no VLAN devices in this kernel: {made.stderr.strip()}")
            for version, ends in ENDS.items():
                address = f"{ends[end]}/{ends[2]}"
                nodad = ["nodad"] if version == 6 else []
                namespace.run(["ip", "address", "add", address, "dev", "vlan", *nodad])
            namespace.run(["ip", "link", "set", "vlan", "up"])
        for version, (router_end, _, _) in ENDS.items():
            far = lab.segments[2].ipv4 if version == 4 else lab.segments[2].ipv6
            gateway.run(["ip", "route", "replace", str(far), "via", router_end])
        lab.serve(list(SERVICE.values()))
        sources = [gateway_end for _, gateway_end, _ in ENDS.values()]
        unwrap.start(lab.backends, interface=INTERFACE, allow=sources)
        yield lab


@pytest.fixture(scope="module")
def daemon(lab: Lab) -> Iterator[Daemon]:
    with Daemon(lab) as daemon:
        yield daemon


@pytest.mark.parametrize("mode", [Mode.IPIP, Mode.GUE], ids=lambda mode: mode.name)
@pytest.mark.parametrize("version", [4, 6])
def test_backends_behind_a_vlan(lab: Lab, daemon: Daemon, version: int, mode: Mode) -> None:
    service = a_service(version)
    daemon.apply([service], its_backends(service, lab.backends, mode))
    answers = curl(lab.client, [url(service.address)] * 40 + [url(service.address, "1m")] * 2)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in lab.backends}


def test_its_tag_is_explained(lab: Lab, daemon: Daemon) -> None:
    service = a_service(4)
    daemon.apply([service], its_backends(service, lab.backends, Mode.IPIP))
    client = (lab.client.address(4), 40000)
    explained = daemon.client.explain(client, Target(service=service.name, port=80), syn=True)
    assert Ether(explained.packet_out)[Dot1Q].vlan == VLAN
