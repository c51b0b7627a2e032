"""Mode cookie-local with acceld: it announces what the kernel keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from accel.datapath.guard.local_cookies import announced
from accel.lab import Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.hosts import Host
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardMode, Policy
from tests.support.wire.local_cookies import (
    MEGABYTE,
    SACK,
    SCALE,
    TIMESTAMPS,
    VERSIONS,
    connect,
    listening,
    require_helpers,
)
from tests.support.wire.steering import SERVICE, a_service, its_backends, packets


@pytest.fixture(scope="module")
def daemon() -> Iterator[tuple[Daemon, list[Host]]]:
    """And clients, one for each test: it is not proven yet."""
    require_helpers()
    with Lab(Topology(clients=4, near=0, far=0)) as lab:
        lab.gateway.namespace.sysctl(ipv4__tcp_syncookies=2, ipv4__tcp_timestamps=2)
        for address in SERVICE.values():
            lab.gateway.own(address)
        with Daemon(lab) as running:
            yield running, lab.clients


def guard_all(daemon: Daemon, policy: Policy) -> None:
    guard = Guard(mode=GuardMode.COOKIE_LOCAL, policy=policy)
    services = [replace(a_service(version), guard=guard) for version in (4, 6)]
    backends = [its_backends(s, [daemon.host], Mode.LOCAL)[0] for s in services]
    daemon.apply(services, backends)


@VERSIONS
def test_acceld_announces_what_the_kernel_keeps(
    daemon: tuple[Daemon, list[Host]], version: int
) -> None:
    running, clients = daemon
    guard_all(running, Policy.ALWAYS)
    with listening(running.host, version) as listener:
        answered = packets(running, "cookie")
        ends = connect(clients[version == 6], listener, version, MEGABYTE)
    assert packets(running, "cookie") == answered + 1
    assert ends.server_options == TIMESTAMPS | SACK | SCALE
    assert ends.client_scales == ends.server_scales[::-1]
    with running.host.namespace.entered():
        assert ends.server_scales[1] == announced().scale


@pytest.mark.parametrize(("client", "buffer", "size"), [(2, 4096, 1 << 16), (3, 1 << 20, MEGABYTE)])
def test_a_listener_with_a_buffer_of_its_own_is_no_trap(
    daemon: tuple[Daemon, list[Host]], client: int, buffer: int, size: int
) -> None:
    """The kernel computes another scale for it, which nobody tells: so none is announced."""
    running, clients = daemon
    guard_all(running, Policy.OFF)
    with listening(running.host, 4, buffer) as listener:
        guard_all(running, Policy.ALWAYS)  # what is there is looked at before anything is answered
        ends = connect(clients[client], listener, 4, size)
    assert ends.server_options == TIMESTAMPS | SACK
    assert ends.client_scales == ends.server_scales == (0, 0)
