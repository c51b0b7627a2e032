"""Mode cookie-local with real listeners: the kernel makes of our SYN-ACK the connection that it
would have made of its own."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from accel.checks.guard import missing
from accel.datapath.datapath import DataPath
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.local_cookies import announced
from accel.ebpf import probes
from accel.lab import Lab, Topology
from accel.lab.clients.flood import Kind, at_gateway
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.lab.hosts import INTERFACE, Host
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardMode, Policy
from accel.model.placement import Limits, PlacedBackend, PlacedService
from accel.verdicts import Verdict
from tests.support.wire.steering import SERVICE, a_service, errors, its_backends, packets, url
from tests.support.wire.under_attack import SOURCES

PORT = 7000
PORTS = itertools.count(20000)  # each connection's own: those of a former one go by it
MEGABYTE = 1 << 20
SECONDS = 60
INDEX = {4: 1, 6: 2}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
TIMESTAMPS, SACK, SCALE, ECN = 1, 2, 4, 8  # TCPI_OPT_* of linux/tcp.h
LEAST_MSS = {4: 536, 6: 1220}


def _require_helpers() -> None:
    try:
        probes.syn_cookie()
    except OSError as error:
        pytest.skip(f"this kernel makes no raw SYN cookies: {error.strerror}")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    _require_helpers()
    with Lab(Topology(near=0, far=0)) as lab:
        gateway = lab.gateway.namespace
        gateway.sysctl(ipv4__tcp_syncookies=2, ipv4__tcp_timestamps=2)
        lab.serve(list(SERVICE.values()), hosts=[lab.gateway])
        with gateway.entered():
            data_path = DataPath.open(None, Limits(services=8, backends=8, flows=4096))
            try:
                data_path.steering.sync([_placed(lab, version) for version in (4, 6)])
                data_path.interfaces.attach(INTERFACE)
                yield Network(lab=lab, data_path=data_path)
            finally:
                data_path.destroy()


def _placed(lab: Lab, version: int) -> PlacedService:
    service = a_service(version)
    (backend,) = its_backends(service, [lab.gateway], Mode.LOCAL)
    placed = PlacedBackend(backend=backend, number=INDEX[version], generation=0, next_hop=None)
    return PlacedService(service=service, index=INDEX[version], backends=(placed,))


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What TCP_INFO says of both ends of a connection: options, and the scales of windows."""

    client_options: int
    server_options: int
    client_scales: tuple[int, int]  # of what it sends to, of what it receives in
    server_scales: tuple[int, int]
    server_mss: int
    client_mss: int


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    data_path: DataPath

    def answer(self, *, cookies: bool, mss: int = 1460) -> None:
        """Answer SYNs with cookies, or have no guard; all sources are unproven again."""
        levels = {Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON} if cookies else {}
        with self.lab.gateway.namespace.entered():
            offer = announced()
        stance = Stance(
            mode=GuardMode.COOKIE_LOCAL,
            levels=levels,
            options=offer.options,
            wscale=offer.scale,
            mss={4: mss, 6: mss - 20},
        )
        self.data_path.guards.enforce(dict.fromkeys(INDEX.values(), stance))
        self.data_path._maps.words("proven")[:] = 0

    def count(self, verdict: str, version: int) -> int:
        return self.data_path.counters.service(INDEX[version])[Verdict[verdict]][0]

    def kernel_counts(self, *names: str, host: str = "gateway") -> dict[str, int]:
        """Counters of TcpExt (proc/net/netstat)."""
        namespace = getattr(self.lab, host).namespace
        with namespace.entered():
            lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
        keys, values = (line.split()[1:] for line in lines if line.startswith("TcpExt:"))
        found = dict(zip(keys, map(int, values), strict=True))
        return {name: found[name] for name in names}


@contextmanager
def listening(host: Host, version: int, buffer: int = 0) -> Iterator[socket.socket]:
    with host.namespace.entered():
        made = socket.socket(FAMILY[version])
    with made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.bind((str(SERVICE[version]), PORT))
        made.listen()
        made.settimeout(SECONDS)
        yield made


def connect(
    client_host: Host, listener: socket.socket, version: int, size: int = 0, port: int = 0
) -> Ends:
    """Open a connection, send `size` bytes each way, and tell of both ends."""
    with client_host.namespace.entered():
        client = socket.socket(FAMILY[version])
    with client:
        client.settimeout(SECONDS)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", port or next(PORTS)))
        client.connect((str(SERVICE[version]), PORT))
        server, _ = listener.accept()
        with server:
            server.settimeout(SECONDS)
            for source, sink in ((client, server), (server, client)):
                sending = threading.Thread(target=source.sendall, args=(bytes(size),))
                sending.start()
                assert len(_receive(sink, size)) == size
                sending.join()
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            ends = _ends(client, server)
        assert client.recv(1) == b""
        return ends


def _receive(sink: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size and (more := sink.recv(size - len(got))):
        got += more
    return bytes(got)


def _ends(client: socket.socket, server: socket.socket) -> Ends:
    of_client, of_server = (
        end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104) for end in (client, server)
    )
    return Ends(
        client_options=of_client[5] & 15,
        server_options=of_server[5] & 15,
        client_scales=(of_client[6] & 15, of_client[6] >> 4),
        server_scales=(of_server[6] & 15, of_server[6] >> 4),
        client_mss=struct.unpack_from("=I", of_client, 16)[0],
        server_mss=struct.unpack_from("=I", of_server, 16)[0],
    )


def until(true: Callable[[], bool]) -> None:
    """Wait for it, for as long as a busy machine may take."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


VERSIONS = pytest.mark.parametrize("version", [4, 6])


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


@pytest.fixture(scope="module")
def daemon() -> Iterator[tuple[Daemon, list[Host]]]:
    """And clients, one for each test: it is not proven yet."""
    _require_helpers()
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
