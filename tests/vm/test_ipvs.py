"""The kernel's own load balancer beside us: on the same gateway, and in front of our backends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from accel.lab.clients.requests import curl
from accel.model.backend import Mode
from tests.support.wire.machine_network import OTHER, Network
from tests.support.wire.steering import SERVICE, a_service, errors, its_backends, spread, url

TUNNELS = {"ipip": [], "gue": ["--tun-type", "gue", "--tun-port", "6080"]}


@pytest.fixture(scope="module")
def beside(network: Network) -> Iterator[Network]:
    """The gateway has the addresses that IPVS serves, as IPVS wants it."""
    if not shutil.which("ipvsadm"):
        pytest.skip("no ipvsadm here")
    lab = network.lab
    done = lab.gateway.namespace.run(["ipvsadm", "--clear"], check=False)
    if done.returncode:
        pytest.skip(f"no IPVS in this kernel: {done.stderr.strip()}")
    for address in OTHER.values():
        lab.gateway.own(address)
    yield network
    lab.gateway.namespace.run(["ipvsadm", "--clear"])


@pytest.mark.parametrize("tunnel", TUNNELS)
@pytest.mark.parametrize("version", [4, 6])
def test_each_steers_its_own(beside: Network, version: int, tunnel: str) -> None:
    """`accel backend run` (b1) and the kernel (b2, b3) unwrap what either of them wraps."""
    lab, daemon = beside.lab, beside.daemon
    gateway = lab.gateway.namespace
    ours = a_service(version)
    daemon.apply([ours], its_backends(ours, lab.backends, Mode[tunnel.upper()]))
    gateway.run(["ipvsadm", "--clear"])
    theirs = f"[{OTHER[6]}]:80" if version == 6 else f"{OTHER[4]}:80"
    gateway.run(["ipvsadm", "--add-service", "--tcp-service", theirs, "--scheduler", "rr"])
    for host in lab.backends:
        address = host.address(version)
        where = f"[{address}]:80" if version == 6 else f"{address}:80"
        add = ["ipvsadm", "--add-server", "--tcp-service", theirs, "--real-server", where]
        gateway.run([*add, "--ipip", *TUNNELS[tunnel]])
    names = {host.name for host in lab.backends}
    for address in (SERVICE[version], OTHER[version]):
        answers = curl(lab.client, [url(address)] * 60)
        assert errors(answers) == {}, address
        assert set(spread(answers)) == names, address
