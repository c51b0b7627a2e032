"""A link like the Internet's between clients and gateway: delay, loss, order, duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import curl
from accel.model.backend import Mode, State
from tests.support.wire.machine_network import LACKING, Network
from tests.support.wire.steering import (
    SERVICE,
    a_service,
    errors,
    its_backends,
    set_state,
    spread,
    url,
)

LINKS = {
    "delay": "delay 60ms",
    "loss": "delay 10ms loss 5%",
    "order": "delay 10ms reorder 75% 50%",
    "duplicates": "delay 5ms duplicate 30%",
}
PATIENCE = 60.0  # s for a request: a lost SYN is sent again after 1, 3 and 7


@contextmanager
def as_link(network: Network, netem: str) -> Iterator[None]:
    """What the router sends to the gateway, and to the client, goes through netem meanwhile."""
    lab = network.lab
    ports = [lab.port(lab.gateway), lab.port(lab.client)]
    try:
        for port in ports:
            words = f"tc qdisc add dev {port} root netem limit 10000 {netem}"
            done = lab.router.run(words.split(), check=False)
            if any(lacking in done.stderr for lacking in LACKING):
                pytest.skip(f"no netem in this kernel: {done.stderr.strip()}")
            assert done.returncode == 0, done.stderr
        yield
    finally:
        for port in ports:
            lab.router.run(["tc", "qdisc", "delete", "dev", port, "root"], check=False)


@pytest.mark.parametrize("name", LINKS)
def test_requests_are_answered(network: Network, name: str) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(4)
    daemon.apply([service], its_backends(service, lab.backends, Mode.IPIP))
    before = lab.client.namespace.counter("Tcp", "RetransSegs")
    with as_link(network, LINKS[name]):
        urls = [url(service.address)] * 120 + [url(service.address, "1m")] * 3
        answers = curl(lab.client, urls, timeout=PATIENCE)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in lab.backends}
    if name == "loss":
        assert lab.client.namespace.counter("Tcp", "RetransSegs") > before


def test_connections_stay_while_packets_are_lost(network: Network) -> None:
    """Segments sent again reach the same backend, when it is drained too."""
    lab, daemon = network.lab, network.daemon
    service = a_service(4)
    daemon.apply([service], its_backends(service, lab.backends, Mode.GUE))
    kept = KeptFlows(host=lab.client, address=SERVICE[4], count=30, timeout=PATIENCE)
    with as_link(network, LINKS["loss"]), kept as flows:
        drained = lab.far[0].name
        assert flows.of(drained)
        set_state(daemon, service, drained, State.DRAIN)
        answers = curl(lab.client, [url(service.address)] * 60, timeout=PATIENCE)
        flows.stop()
    assert errors(answers) == {}
    assert drained not in spread(answers)
    assert flows.errors() == []
