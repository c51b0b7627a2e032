"""Mode cookie-local with real listeners: the kernel makes of our SYN-ACK the connection that it
would have made of its own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from accel.checks.guard import missing
from accel.datapath.datapath import DataPath
from accel.datapath.guard.local_cookies import announced
from accel.lab import Lab, Topology
from accel.lab.clients.flood import Kind, at_gateway
from accel.lab.clients.requests import curl
from accel.lab.hosts import INTERFACE
from accel.model.guard import GuardMode
from accel.model.placement import Limits
from tests.support.wire.local_cookies import (
    ECN,
    FAMILY,
    MEGABYTE,
    PORT,
    SACK,
    SCALE,
    TIMESTAMPS,
    VERSIONS,
    Network,
    at_the_gateway,
    connect,
    listening,
    require_helpers,
    until,
)
from tests.support.wire.steering import SERVICE, errors, url
from tests.support.wire.under_attack import SOURCES


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    require_helpers()
    with Lab(Topology(near=0, far=0)) as lab:
        gateway = lab.gateway.namespace
        gateway.sysctl(ipv4__tcp_syncookies=2, ipv4__tcp_timestamps=2)
        lab.serve(list(SERVICE.values()), hosts=[lab.gateway])
        with gateway.entered():
            data_path = DataPath.open(None, Limits(services=8, backends=8, flows=4096))
            try:
                data_path.steering.sync([at_the_gateway(lab, version) for version in (4, 6)])
                data_path.interfaces.attach(INTERFACE)
                yield Network(lab=lab, data_path=data_path)
            finally:
                data_path.destroy()


@VERSIONS
@pytest.mark.parametrize("timestamps", [1, 0])
@pytest.mark.parametrize("ecn", [0, 1])
def test_it_is_the_connection_that_the_kernel_would_make(
    network: Network, version: int, timestamps: int, ecn: int
) -> None:
    client = network.lab.client.namespace
    client.sysctl(ipv4__tcp_timestamps=timestamps, ipv4__tcp_ecn=ecn)
    try:
        with listening(network.lab.gateway, version) as listener:
            network.answer(cookies=False)
            expected = connect(network.lab.client, listener, version, MEGABYTE)
            network.answer(cookies=True)
            answered = network.count("COOKIE", version)
            stalls = network.kernel_counts("PAWSEstab", "TCPTimeouts", host="client")
            assert connect(network.lab.client, listener, version, MEGABYTE) == expected
            assert network.count("COOKIE", version) == answered + 1
            assert network.kernel_counts("PAWSEstab", "TCPTimeouts", host="client") == stalls
    finally:
        client.sysctl(ipv4__tcp_timestamps=1, ipv4__tcp_ecn=2)
    if timestamps:
        assert expected.server_options == TIMESTAMPS | SACK | SCALE | (ECN if ecn else 0)
    else:
        assert expected.server_options == 0  # syncookies are 2, and have nowhere to put them


@VERSIONS
def test_requests_are_answered(network: Network, version: int) -> None:
    network.answer(cookies=True)
    urls = [url(SERVICE[version])] * 40 + [url(SERVICE[version], "1m", "https")] * 4
    assert errors(curl(network.lab.client, urls)) == {}


@VERSIONS
def test_a_listener_that_is_new_takes_cookies(network: Network, version: int) -> None:
    network.answer(cookies=True)
    failed = network.kernel_counts("SyncookiesFailed")
    for _ in range(3):
        with listening(network.lab.gateway, version) as listener:
            network.answer(cookies=True)  # and all sources are unproven again
            connect(network.lab.client, listener, version)
    assert network.kernel_counts("SyncookiesFailed") == failed


@VERSIONS
def test_the_ports_of_a_connection_that_was_are_used_again(network: Network, version: int) -> None:
    """The server closed first, and waits for a minute for what is left of it (TIME-WAIT)."""
    with listening(network.lab.gateway, version) as listener:
        for _ in range(3):
            network.answer(cookies=True)
            connect(network.lab.client, listener, version, port=41000)


@VERSIONS
@pytest.mark.parametrize("setting", ["tcp_sack", "tcp_window_scaling", "tcp_ecn"])
def test_what_the_host_has_off_is_not_announced(
    network: Network, version: int, setting: str
) -> None:
    gateway, client = network.lab.gateway.namespace, network.lab.client.namespace
    client.sysctl(ipv4__tcp_ecn=1)
    gateway.sysctl(**{f"ipv4__{setting}": 0})
    try:
        with listening(network.lab.gateway, version) as listener:
            network.answer(cookies=False)
            expected = connect(network.lab.client, listener, version)
            network.answer(cookies=True)
            assert connect(network.lab.client, listener, version, MEGABYTE) == expected
    finally:
        gateway.sysctl(**{f"ipv4__{setting}": 2 if setting == "tcp_ecn" else 1})
        client.sysctl(ipv4__tcp_ecn=2)


@VERSIONS
@pytest.mark.parametrize("kind", [Kind.SYN, Kind.MIXED])
def test_of_a_flood_the_stack_sees_nothing(network: Network, version: int, kind: Kind) -> None:
    network.answer(cookies=True)
    names = ("SyncookiesSent", "SyncookiesFailed", "ListenOverflows", "ListenDrops")
    address = SERVICE[version]
    with listening(network.lab.gateway, version) as listener:
        before = network.kernel_counts(*names)
        answered = network.count("COOKIE", version)
        flood = at_gateway(
            network.lab, sources=SOURCES[version], to=address, port=PORT, kind=kind, rate=50_000
        )
        with flood:
            for _ in range(10):
                network.answer(cookies=True)  # and all sources are unproven again
                connect(network.lab.client, listener, version, MEGABYTE)
            until(lambda: network.count("COOKIE", version) > answered + 10_000)
    assert network.kernel_counts(*names) == before


RULES = """
add table inet guarded
add chain inet guarded arriving { type filter hook input priority 0; }
add rule inet guarded arriving ct state invalid drop
"""


@VERSIONS
def test_connection_tracking_takes_up_what_it_saw_no_syn_of(network: Network, version: int) -> None:
    gateway = network.lab.gateway.namespace
    refused = gateway.run(["nft", "-f", "-"], input=RULES, check=False).stderr
    if refused:
        pytest.skip(f"no connection tracking here: {refused}")
    try:
        network.answer(cookies=True)
        with listening(network.lab.gateway, version) as listener:
            connect(network.lab.client, listener, version, MEGABYTE)
    finally:
        gateway.run(["nft", "delete", "table", "inet", "guarded"])


@VERSIONS
def test_without_timestamps_at_the_host_nothing_is_announced(
    network: Network, version: int
) -> None:
    gateway = network.lab.gateway.namespace
    gateway.sysctl(ipv4__tcp_timestamps=0)
    try:
        with gateway.entered():
            assert missing(GuardMode.COOKIE_LOCAL) is None
        with listening(network.lab.gateway, version) as listener:
            network.answer(cookies=True)
            ends = connect(network.lab.client, listener, version, MEGABYTE)
            assert ends.server_options == ends.client_options == 0
    finally:
        gateway.sysctl(ipv4__tcp_timestamps=2)


@pytest.mark.parametrize(
    "rmem",
    ["4096 131072 6291456", "4096 131072 33554432", "4096 16384 65536", "8192 8192 1073741824"],
)
def test_the_scale_is_the_one_that_the_kernel_computes(network: Network, rmem: str) -> None:
    gateway = network.lab.gateway.namespace
    with gateway.entered():
        setting = Path("/proc/sys/net/ipv4/tcp_rmem")
        before = setting.read_text()
        setting.write_text(rmem)
    try:
        with listening(network.lab.gateway, 4) as listener:
            network.answer(cookies=False)
            by_kernel = connect(network.lab.client, listener, 4)
            network.answer(cookies=True)
            by_cookie = connect(network.lab.client, listener, 4, MEGABYTE)
            with gateway.entered():
                assert announced().scale == by_kernel.server_scales[1]
            assert by_cookie == by_kernel
            assert by_cookie.client_scales == by_cookie.server_scales[::-1]
    finally:
        with gateway.entered():
            setting.write_text(before)


@VERSIONS
def test_a_narrow_way_is_announced(network: Network, version: int) -> None:
    with listening(network.lab.gateway, version) as listener:
        network.answer(cookies=True, mss=1200)
        overhead = 12 + (20 if version == 6 else 0)  # timestamps are in every segment
        assert connect(network.lab.client, listener, version).client_mss == 1200 - overhead


@VERSIONS
def test_what_acknowledges_no_cookie_does_not_reach_the_stack(
    network: Network, version: int
) -> None:
    network.answer(cookies=True)
    refused, resets = (
        network.count("BAD_COOKIE", version),
        network.kernel_counts("SyncookiesFailed"),
    )
    with network.lab.client.namespace.entered():
        raw = socket.socket(FAMILY[version], socket.SOCK_RAW, socket.IPPROTO_TCP)
    with raw:
        header = struct.pack("!HHIIBBHHH", 4000, PORT, 1, 2, 5 << 4, 16, 1000, 0, 0)
        for _ in range(5):
            raw.sendto(header, (str(SERVICE[version]), 0))
    until(lambda: network.count("BAD_COOKIE", version) == refused + 5)
    assert network.kernel_counts("SyncookiesFailed") == resets
