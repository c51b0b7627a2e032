"""Guard mode cookie-backend behind the kernel's own tunnels: their devices bring connections."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from accel.ebpf import probes
from accel.lab import Host, unwrap
from accel.lab.clients.requests import curl
from accel.lab.namespace import end
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardMode, Policy
from tests.support.wire.machine_network import DEVICES, Network
from tests.support.wire.steering import a_service, errors, its_backends, packets, url
from tests.support.wire.under_attack import until

# Each device and GUE once: an emulated machine is slow.
ROWS = [(Mode.IPIP, 4, 4), (Mode.IPIP, 6, 4), (Mode.IPIP, 4, 6), (Mode.GUE, 6, 6)]
COOKIES = Guard(mode=GuardMode.COOKIE_BACKEND, policy=Policy.ALWAYS)


@pytest.fixture(scope="module")
def accepting(network: Network) -> Iterator[Host]:
    """A far backend that accepts cookies on each of its tunnels."""
    try:
        probes.made_request()
        probes.tcx_link()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    host = network.lab.far[0]
    keys = ["--keys-file", f"{network.daemon.folder / 'guard-secret'}"]
    agents = []
    for name, *_ in DEVICES:
        agents += unwrap.start([host], interface=name, cookies=keys)
    yield host
    end(agents)


@pytest.mark.parametrize(("mode", "inner", "outer"), ROWS, ids=lambda value: str(value))
def test_a_tunnel_brings_connections(
    network: Network, accepting: Host, mode: Mode, inner: int, outer: int
) -> None:
    lab, daemon = network.lab, network.daemon
    service = dataclasses.replace(a_service(inner), guard=COOKIES)
    daemon.apply([service], its_backends(service, [accepting], mode, outer=outer))

    def answered() -> bool:
        before = packets(daemon, "cookie")
        curl(lab.client, [url(service.address)], timeout=2)
        return packets(daemon, "cookie") > before

    until(answered, "cookies")
    before = packets(daemon, "cookie"), packets(daemon, "forward_syn")
    urls = [url(service.address)] * 20 + [url(service.address, "1m")] * 2
    assert errors(curl(lab.client, urls)) == {}
    assert packets(daemon, "cookie") >= before[0] + len(urls)
    assert packets(daemon, "forward_syn") == before[1]
