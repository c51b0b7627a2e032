"""A service of the gateway's own host with cookies, and what TCP_INFO says of connections to it."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from accel.datapath.datapath import DataPath
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.local_cookies import announced
from accel.ebpf import probes
from accel.lab import Lab
from accel.lab.hosts import Host
from accel.model.backend import Mode
from accel.model.guard import GuardMode
from accel.model.placement import PlacedBackend, PlacedService
from accel.verdicts import Verdict
from tests.support.wire.steering import SERVICE, a_service, its_backends

PORT = 7000
PORTS = itertools.count(20000)  # each connection's own: those of a former one go by it
MEGABYTE = 1 << 20
SECONDS = 60
INDEX = {4: 1, 6: 2}
TIMESTAMPS, SACK, SCALE, ECN = 1, 2, 4, 8  # TCPI_OPT_* of linux/tcp.h
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def require_helpers() -> None:
    try:
        probes.syn_cookie()
    except OSError as error:
        pytest.skip(f"this kernel makes no raw SYN cookies: {error.strerror}")


def at_the_gateway(lab: Lab, version: int) -> PlacedService:
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
