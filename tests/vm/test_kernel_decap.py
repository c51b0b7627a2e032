"""What we encapsulate is unwrapped by the kernel's own tunnels, as on a backend without `accel`."""

from __future__ import annotations

import pytest

from accel.lab.clients.requests import curl
from accel.model.backend import Mode
from tests.support.wire.machine_network import Network
from tests.support.wire.steering import a_service, errors, its_backends, spread, url

ROWS = [
    (mode, inner, outer) for mode in (Mode.IPIP, Mode.GUE) for inner in (4, 6) for outer in (4, 6)
]


@pytest.mark.parametrize(("mode", "inner", "outer"), ROWS, ids=lambda value: str(value))
def test_the_kernel_unwraps(network: Network, mode: Mode, inner: int, outer: int) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(inner)
    daemon.apply([service], its_backends(service, lab.far, mode, outer=outer))
    urls = [url(service.address)] * 40 + [url(service.address, "1m")] * 2
    answers = curl(lab.client, urls)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in lab.far}
