"""Real clients through a guard that is always on: nothing fails, and nothing is lost of TCP."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from accel.lab import Host, Lab, Topology
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.guard import Guard, GuardMode, Policy
from tests.support.wire.steering import SERVICE, errors, packets, url
from tests.support.wire.under_attack import (
    Negotiated,
    Server,
    connected,
    guard_services,
    read,
    settled,
)

SIZE = 100_000  # bytes each way, sent right after the handshake
AT_ONCE = 8
TFO_SERVER, TFO_CLIENT = 0x602, 0x5  # without cookies, for every listener (ip-sysctl, tcp_fastopen)
SYN_DATA = 32  # linux/tcp.h, TCPI_OPT_SYN_DATA
NAMES = ["usual", "no timestamps", "ecn", "behind NAT"]
MODES = {GuardMode.AUTH: "challenged", GuardMode.RETRANSMIT: "first_syn"}


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon
    server: Server
    clients: dict[str, Host]
    answer: str  # the verdict of a SYN that does not go on


@pytest.fixture(scope="module", params=MODES, ids=lambda mode: mode.name.lower())
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    with Lab(Topology(clients=4, homes=1, near=1, far=0)) as lab:
        clients = dict(zip(NAMES, [*lab.clients[:3], *lab.homes], strict=True))
        clients["no timestamps"].namespace.sysctl(ipv4__tcp_timestamps=0)
        clients["ecn"].namespace.sysctl(ipv4__tcp_ecn=1)
        lab.clients[3].namespace.sysctl(ipv4__tcp_fastopen=TFO_CLIENT)
        lab.near[0].namespace.sysctl(ipv4__tcp_fastopen=TFO_SERVER)
        lab.serve(list(SERVICE.values()))
        backend = lab.near[0]
        server = Server(backend, [*SERVICE.values(), backend.ipv4, backend.ipv6], SIZE)
        with Daemon(lab) as daemon:
            guard_services(daemon, Guard(policy=Policy.ALWAYS, mode=request.param), lab.near)
            answer = MODES[request.param]
            settled(lab, daemon, answer, "unknown_flow")
            yield Network(lab=lab, daemon=daemon, server=server, clients=clients, answer=answer)
        server.close()


def talk(server: Server, client: Host, to: Address, count: int) -> list[Negotiated]:
    """So many connections at once, data on each right away; what the server negotiated."""
    body = os.urandom(SIZE)
    server.seen.clear()
    with connected(client, to, count) as connections:
        for connection in connections:
            connection.sendall(body)
        assert [read(connection, SIZE) == body for connection in connections] == [True] * count
    return server.seen.copy()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_a_client_connects_and_keeps_its_options(network: Network, name: str, version: int) -> None:
    """At the server's own address, through the guard as a stranger, and once it is proven.

    A SYN sent again is one without ECN (RFC 3168 6.1.1.1), whatever the first was lost to.
    """
    server, client, daemon = network.server, network.clients[name], network.daemon
    answered = packets(daemon, network.answer)
    (direct,) = talk(server, client, network.lab.near[0].address(version), 1)
    strangers = talk(server, client, SERVICE[version], AT_ONCE)
    assert packets(daemon, network.answer) > answered
    assert {one.without("ecn") for one in strangers} == {direct.without("ecn")}
    assert set(talk(server, client, SERVICE[version], AT_ONCE)) == {direct}
    assert ("timestamps" in direct.options) == (name != "no timestamps")
    assert ("ecn" in direct.options) == (name == "ecn")
    assert {"sack", "wscale"} <= direct.options


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_requests_are_answered(network: Network, name: str, version: int) -> None:
    urls = [url(SERVICE[version])] * 100 + [url(SERVICE[version], "1k", "https")] * 20
    urls += [url(SERVICE[version], "1m")] * 2
    assert errors(curl(network.clients[name], urls)) == {}


@pytest.mark.parametrize("version", [4, 6])
def test_data_in_a_syn(network: Network, version: int) -> None:
    """TCP Fast Open (RFC 7413): a stranger sends again without, a proven source goes on with it."""
    request, client = b"GET / HTTP/1.0\r\n\r\n", network.lab.clients[3]
    answered = packets(network.daemon, network.answer)
    for accepted in (False, True, True):
        with client.namespace.entered():
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            connection = socket.socket(family)
        with connection:
            connection.settimeout(10)
            connection.sendto(request, socket.MSG_FASTOPEN, (str(SERVICE[version]), 80))
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            options = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5]
            assert bool(options & SYN_DATA) == accepted
    assert packets(network.daemon, network.answer) == answered + 1
