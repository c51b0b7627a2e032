"""What the tests of the guard share: a guarded lab, floods, and a server that looks at TCP_INFO."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeVar

from accel.lab import Host, Lab
from accel.lab.clients.flood import Kind, Network, at_gateway
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.backend import Mode
from accel.model.guard import Guard
from accel.model.service import Service
from tests.support.wire.steering import SERVICE, a_service, its_backends, packets

SOURCES: dict[int, list[Network]] = {
    4: [ip_network("198.18.0.0/15")],
    6: [ip_network("2001:db8:bad::/48")],
}
_COUNTER = f"""
table inet spoils {{
  counter strangers {{ }}
  chain in {{
    type filter hook prerouting priority raw
    ip saddr {SOURCES[4][0]} counter name strangers
    ip6 saddr {SOURCES[6][0]} counter name strangers
  }}
}}
"""
PORT = 8080  # of Server
_TURNS = 600  # of waiting, a twentieth of a second each
_OPTIONS = {1: "timestamps", 2: "sack", 4: "wscale", 8: "ecn"}  # linux/tcp.h, TCPI_OPT_*
T = TypeVar("T")


def guard_services(daemon: Daemon, guard: Guard, hosts: Sequence[Host]) -> dict[int, Service]:
    """The services at SERVICE, for any TCP port, with this guard, at `hosts` by l2dsr."""
    services = {v: dataclasses.replace(a_service(v), guard=guard) for v in SERVICE}
    backends = [b for s in services.values() for b in its_backends(s, hosts, Mode.L2DSR)]
    daemon.apply(list(services.values()), backends)
    return services


def settled(lab: Lab, daemon: Daemon, *verdicts: str) -> None:
    """Wait until strangers' SYNs and strays end in `verdicts`, over both versions."""
    for version, address in SERVICE.items():
        before = {name: packets(daemon, name) for name in verdicts}
        with at_gateway(lab, sources=SOURCES[version], to=address, kind=Kind.MIXED, rate=1000):
            until(
                lambda before: all(packets(daemon, n) > before[n] for n in before),
                f"{verdicts} by a guard over IPv{version}",
                before,
            )


def until(seen: Callable[..., T], what: str, *given: Any) -> T:
    """Wait until `seen` of what is `given` returns something; fail with `what` if it never does."""
    for _ in range(_TURNS):
        if found := seen(*given):
            return found
        threading.Event().wait(0.05)
    raise AssertionError(f"waited in vain: {what}")


class Spoils:
    """What comes to these hosts from SOURCES, counted there by nftables."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._namespaces = [host.namespace for host in hosts]
        for namespace in self._namespaces:
            namespace.run(["nft", "-f", "-"], input=_COUNTER)

    @property
    def packets(self) -> int:
        listed = (n.run(["nft", "-j", "list", "counters"]).stdout for n in self._namespaces)
        entries = (entry for text in listed for entry in json.loads(text)["nftables"])
        return sum(entry["counter"]["packets"] for entry in entries if "counter" in entry)


@dataclass(frozen=True, kw_only=True)
class Negotiated:
    """What a server has come to with its client (struct tcp_info of linux/tcp.h)."""

    options: frozenset[str]
    send_scale: int
    receive_scale: int
    send_mss: int

    def without(self, option: str) -> Negotiated:
        return dataclasses.replace(self, options=self.options - {option})

    @staticmethod
    def of(connection: socket.socket) -> Negotiated:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (send_mss,) = struct.unpack_from("=I", info, 16)
        return Negotiated(
            options=frozenset(name for bit, name in _OPTIONS.items() if info[5] & bit),
            send_scale=info[6] & 15,
            receive_scale=info[6] >> 4,
            send_mss=send_mss,
        )


class Server:
    """Takes `size` bytes on each connection and sends them back; `seen` is what it negotiated."""

    def __init__(self, host: Host, addresses: Sequence[Address], size: int) -> None:
        self.seen: list[Negotiated] = []
        self._size = size
        with host.namespace.entered():
            self._listeners = [
                socket.create_server(
                    (str(address), PORT),
                    family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                    backlog=64,
                )
                for address in addresses
            ]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.seen.append(Negotiated.of(connection))
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            connection.sendall(read(connection, self._size))


def read(connection: socket.socket, size: int) -> bytes:
    """So many bytes; fewer if the other end closes."""
    data = b""
    while len(data) < size and (more := connection.recv(1 << 16)):
        data += more
    return data


@contextmanager
def connected(host: Host, to: Address, count: int) -> Iterator[list[socket.socket]]:
    """So many connections to the Server at `to`, opened all at once."""
    with ExitStack() as stack:
        family = socket.AF_INET if to.version == 4 else socket.AF_INET6
        with host.namespace.entered():
            made = [stack.enter_context(socket.socket(family)) for _ in range(count)]
        for each in made:
            each.setblocking(False)
            each.connect_ex((str(to), PORT))
        for each in made:
            each.settimeout(20)
        yield made
