"""TLS clients that come again: each has an address of its own, and the ticket that it got last."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.lab.hosts import Host
from accel.lab.network import Lab
from accel.lab.servers.certificates import NAME
from accel.model.address import Address

# Beside those of the segments. Each client of IPv6 has a /64 of its own.
CROWD4 = ipaddress.IPv4Network("100.64.0.0/16")
CROWD6 = ipaddress.IPv6Network("2001:db8:d::/48")
_REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
_HEADER = b"X-Backend: "


def crowd(lab: Lab, host: Host) -> None:
    """Let `host` be many clients: all addresses of CROWD4 and CROWD6 are its own."""
    host.namespace.sysctl(ipv6__ip_nonlocal_bind=1)  # AnyIP: none is put on an interface
    for network in (CROWD4, CROWD6):
        host.namespace.netlink.route(
            "replace", dst=str(network), type="local", scope=254, table=255, oif=1
        )
        gateway = str(host.address(network.version))
        lab.router.netlink.route("replace", dst=str(network), gateway=gateway)


def client(version: int, number: int) -> Address:
    """One of the crowd, from 1 on."""
    if version == 4:
        return CROWD4[number]
    return CROWD6[(number << 64) + 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What came of one connection: who answered, and how long each part took, in seconds.

    `connect` is till TCP is there, `handshake` from then till TLS is, `answer` from then till the
    first byte of what was asked for.
    """

    client: Address
    backend: str = ""
    resumed: bool = False
    connect: float = 0.0
    handshake: float = 0.0
    answer: float = 0.0
    error: str = ""

    @property
    def seconds(self) -> float:
        """From the first SYN to the first byte."""
        return self.connect + self.handshake + self.answer


class Visitors:
    """The clients with these addresses of `host`; their tickets are for the server at `address`.

    They speak TLS 1.3 alone and verify the server's certificate by `authority`.
    """

    def __init__(
        self,
        host: Host,
        clients: Sequence[Address],
        *,
        address: Address,
        authority: Path,
        port: int = 443,
        timeout: float = 10.0,
    ) -> None:
        self.clients = clients
        self._host, self._timeout = host, timeout
        self._server = (str(address), port)
        self._family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_verify_locations(authority)
        self._sessions: dict[Address, ssl.SSLSession] = {}

    def come(self, clients: Sequence[Address] | None = None) -> list[Visit]:
        """All of them, or these, one after the other, each over a new connection."""
        with self._host.namespace.entered():
            return [self._visit(each) for each in clients or self.clients]

    def forget(self) -> None:
        """They have no tickets any more."""
        self._sessions.clear()

    def _visit(self, client: Address) -> Visit:
        plain = socket.socket(self._family)
        try:
            plain.settimeout(self._timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.bind((str(client), 0))
            began = time.perf_counter()
            plain.connect(self._server)
            connected = time.perf_counter()
            with self._context.wrap_socket(
                plain, server_hostname=NAME, session=self._sessions.get(client)
            ) as tls:
                agreed = time.perf_counter()
                tls.sendall(_REQUEST)
                said = tls.recv(1)
                answered = time.perf_counter()
                while more := tls.recv(4096):
                    said += more
                if tls.session:  # tickets have come behind the handshake, before the answer
                    self._sessions[client] = tls.session
                return Visit(
                    client=client,
                    backend=_backend(said),
                    resumed=bool(tls.session_reused),
                    connect=connected - began,
                    handshake=agreed - connected,
                    answer=answered - agreed,
                )
        except OSError as error:
            return Visit(client=client, error=str(error) or type(error).__name__)
        finally:
            plain.close()


def _backend(said: bytes) -> str:
    """Who it was, by the header. Raises ConnectionError."""
    if not said.startswith(b"HTTP/1.1 200 ") or _HEADER not in said:
        raise ConnectionError(f"it said {said[:60]!r}")
    return said.partition(_HEADER)[2].partition(b"\r\n")[0].decode()


def resumed(visits: Sequence[Visit]) -> float:
    """The share of those that used their ticket."""
    return sum(visit.resumed for visit in visits) / max(1, len(visits))


def failed(visits: Sequence[Visit]) -> list[str]:
    """What went wrong."""
    return [f"{visit.client}: {visit.error}" for visit in visits if visit.error]
