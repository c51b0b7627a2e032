"""A lab in mode cookie-backend: clients of many kinds, servers, and an agent beside each."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accel.lab import INTERFACE, Host, Lab, unwrap
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardMode, Policy
from tests.support.wire.steering import SERVICE, a_service, its_backends, packets, url
from tests.support.wire.under_attack import Negotiated, Server, connected, read, until

SIZE = 100_000  # bytes each way, sent right after the handshake
KEY_PERIOD = 4  # seconds
GREETER, GREETING = 8025, b"220 ready\r\n"
CLIENTS = ["usual", "no timestamps", "ecn", "no sack", "no scale", "behind NAT"]
WAYS = {"ipip": Mode.IPIP, "gue": Mode.GUE, "l2dsr": Mode.L2DSR}


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon
    clients: dict[str, Host]
    servers: dict[str, Server]
    agents: dict[str, subprocess.Popen[str]]

    def backend(self, way: str) -> Host:
        return self.lab.near[0] if way == "l2dsr" else self.lab.far[0]


def start(lab: Lab, host: Host, keys: list[str]) -> subprocess.Popen[str]:
    """`accel backend run` as the host's way needs it: near ones get packets as they are."""
    far = host in lab.far
    allow = [str(lab.gateway.ipv4), str(lab.gateway.ipv6)] if far else []
    (process,) = unwrap.start([host], interface=INTERFACE, allow=allow, cookies=keys)
    return process


def keys_of_file(daemon: Daemon, path: Path | None = None) -> list[str]:
    return ["--keys-file", f"{path or daemon.folder / 'guard-secret'}", "--key-period", "4"]


def end(process: subprocess.Popen[str]) -> dict[str, int]:
    """End an agent; how many packets it counted, by verdict."""
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    return {name: int(count) for name, count in re.findall(r"^(\w+): (\d+) packets", said, re.M)}


def steer(network: Network, way: str, version: int) -> None:
    """The service by this way, and answered with cookies from now on."""
    service = dataclasses.replace(
        a_service(version), guard=Guard(mode=GuardMode.COOKIE_BACKEND, policy=Policy.ALWAYS)
    )
    daemon = network.daemon
    daemon.apply([service], its_backends(service, [network.backend(way)], WAYS[way]))

    def answered() -> bool:
        before = packets(daemon, "cookie")
        curl(network.lab.client, [url(SERVICE[version])], timeout=1)
        return packets(daemon, "cookie") > before

    until(answered, "cookies")


def syns(host: Host) -> int:
    """How many came to it."""
    listed = host.namespace.run(["nft", "-j", "list", "counters"]).stdout
    entries = json.loads(listed)["nftables"]
    return sum(e["counter"]["packets"] for e in entries if e.get("counter", {}).get("name"))


def rejected(host: Host) -> int:
    """Segments that were dropped for their timestamps (RFC 7323 5.3)."""
    with host.namespace.entered():
        lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("TcpExt:"))
    return sum(int(v) for n, v in zip(names, values, strict=True) if n.startswith("PAWS"))


def talk(network: Network, way: str, client: Host, to: object, count: int) -> list[Negotiated]:
    """So many connections at once, data on each right away; what the server negotiated."""
    server, body = network.servers[network.backend(way).name], os.urandom(SIZE)
    server.seen.clear()
    with connected(client, to, count) as connections:  # type: ignore[arg-type]
        for connection in connections:
            connection.sendall(body)
        assert [read(connection, SIZE) == body for connection in connections] == [True] * count
    return server.seen.copy()


@contextmanager
def setting(host: Host, name: str, value: object) -> Iterator[None]:
    with host.namespace.entered():
        path = Path("/proc/sys/net/ipv4") / name
        before = path.read_text()
        path.write_text(str(value))
    try:
        yield
    finally:
        with host.namespace.entered():
            path.write_text(before)


@contextmanager
def greeting(host: Host, address: Address) -> Iterator[None]:
    """A server that speaks first, and closes."""
    with host.namespace.entered():
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        listener = socket.create_server((str(address), GREETER), family=family)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(GREETING)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
