"""One network for all tests here, since an emulated machine takes a minute to make it.

Its far backends unwrap by the kernel's own tunnels, its near one by `accel backend run`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accel.lab import Lab, Topology
from accel.lab.daemon import Daemon
from tests.support.wire.machine_network import DEVICES, GUE_PORT, OTHER, Network, ip, tunnel
from tests.support.wire.steering import SERVICE


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """All of it is left out of `make check`."""
    return config.getoption("--quick") or None


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Backend b1 is near, b2 and b3 are far. All serve SERVICE, which is ours, and OTHER."""
    with Lab(Topology(near=1, far=2)) as lab:
        for host in lab.far:
            for device in DEVICES:
                tunnel(host, *device)
            for version in ("-4", "-6"):
                ip(host.namespace, version, "fou", "add", "port", GUE_PORT, "gue")
        lab.serve([*SERVICE.values(), *OTHER.values()])
        lab.unwrap(lab.near)
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)
