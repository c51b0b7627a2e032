"""Mode cookie-backend with real clients and servers: the gateway answers SYNs, no backend sees one,
and the server's connection is what its own handshake would have made of it."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from accel.ebpf import probes
from accel.lab import INTERFACE, Lab, Topology, unwrap
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from tests.support.wire import certificates
from tests.support.wire.backend_cookies import (
    CLIENTS,
    GREETER,
    GREETING,
    KEY_PERIOD,
    SIZE,
    WAYS,
    Network,
    end,
    greeting,
    keys_of_file,
    rejected,
    setting,
    start,
    steer,
    syns,
    talk,
)
from tests.support.wire.steering import SERVICE, errors, packets, url
from tests.support.wire.under_attack import PORT, Server, connected, read

AT_ONCE = 8
WSCALE = 7  # announced with cookies
TLS_PORT = 7443
_SYNS = """
table inet seen {
  counter syns { }
  chain in {
    type filter hook prerouting priority raw
    iifname eth0 tcp flags & (syn | ack) == syn counter name syns
  }
}
"""
_NO_ACKS = """
table inet held {
  chain out {
    type filter hook output priority raw
    tcp dport 8080 tcp flags & (syn | ack) == ack drop
  }
}
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    try:
        probes.made_request()
        probes.tcx_link()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    with Lab(Topology(clients=len(CLIENTS) - 1, homes=1, near=1, far=1)) as lab:
        clients = dict(zip(CLIENTS, [*lab.clients, *lab.homes], strict=True))
        clients["no timestamps"].namespace.sysctl(ipv4__tcp_timestamps=0)
        clients["ecn"].namespace.sysctl(ipv4__tcp_ecn=1)
        clients["no sack"].namespace.sysctl(ipv4__tcp_sack=0)
        clients["no scale"].namespace.sysctl(ipv4__tcp_window_scaling=0)
        lab.serve(list(SERVICE.values()))
        servers = {}
        for host in lab.backends:
            host.namespace.run(["nft", "-f", "-"], input=_SYNS)
            servers[host.name] = Server(host, [*SERVICE.values(), host.ipv4, host.ipv6], SIZE)
        tls = certificates.make(lab.folder, [str(lab.gateway.ipv4)])
        tcp = ["--tcp", f"{lab.gateway.ipv4}:{TLS_PORT}", *certificates.of_server(tls)]
        with Daemon(lab, options=["--key-period", str(KEY_PERIOD), *tcp]) as daemon:
            agents = {host.name: start(lab, host, keys_of_file(daemon)) for host in lab.backends}
            yield Network(lab=lab, daemon=daemon, clients=clients, servers=servers, agents=agents)
        for server in servers.values():
            server.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("way", WAYS)
def test_requests_are_answered_and_no_syn_comes_through(
    network: Network, way: str, version: int
) -> None:
    steer(network, way, version)
    backend, before = network.backend(way), packets(network.daemon, "cookie")
    came = syns(backend)
    urls = [url(SERVICE[version])] * 100 + [url(SERVICE[version], "1k", "https")] * 20
    urls += [url(SERVICE[version], "1m")] * 5
    for name in ("usual", "behind NAT"):
        assert errors(curl(network.clients[name], urls)) == {}
    assert packets(network.daemon, "cookie") - before >= 2 * len(urls)
    assert syns(backend) == came
    assert packets(network.daemon, "forward_syn") == 0


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("way", WAYS)
def test_connections_keep_what_the_client_asked_for(
    network: Network, way: str, version: int
) -> None:
    """As at the server's own address, but that a cookie announces a window scale of its own."""
    steer(network, way, version)
    backend = network.backend(way)
    for name, client in network.clients.items():
        (direct,) = talk(network, way, client, backend.address(version), 1)
        before = rejected(client), rejected(backend)
        through = talk(network, way, client, SERVICE[version], AT_ONCE)
        expected = dataclasses.replace(
            direct, receive_scale=WSCALE if "wscale" in direct.options else 0
        )
        assert set(through) == {expected}, name
        assert (rejected(client), rejected(backend)) == before, "timestamps that went back"
        assert ("timestamps" in direct.options) == (name != "no timestamps")
        assert ("ecn" in direct.options) == (name == "ecn")
        assert ("sack" in direct.options) == (name != "no sack")
        assert ("wscale" in direct.options) == (name != "no scale")


@pytest.mark.parametrize("version", [4, 6])
def test_a_smaller_mss_is_kept(network: Network, version: int) -> None:
    steer(network, "ipip", version)
    client = network.clients["usual"]
    kept = {4: (1420 - 40, 1300), 6: (1420 - 60, 1360)}[version]
    route = ["ip", f"-{version}", "route", "replace", str(SERVICE[version])]
    way = ["via", str(client.segment.addresses(1)[0 if version == 4 else 1]), "advmss"]
    client.namespace.run([*route, *way, str(kept[0])])
    try:
        (seen,) = talk(network, "ipip", client, SERVICE[version], 1)
    finally:
        client.namespace.run(["ip", f"-{version}", "route", "del", str(SERVICE[version])])
    assert seen.send_mss == kept[1] - 12  # timestamps


@pytest.mark.parametrize("version", [4, 6])
def test_keys_roll_in_mid_handshake(network: Network, version: int) -> None:
    """The ACK is held back until the key of its cookie is the one before: then data comes alone."""
    steer(network, "ipip", version)
    client = network.clients["usual"].namespace
    while not KEY_PERIOD - 0.5 < time.time() % KEY_PERIOD < KEY_PERIOD - 0.2:
        time.sleep(0.05)
    generation = time.time() // KEY_PERIOD
    client.run(["nft", "-f", "-"], input=_NO_ACKS)
    try:
        with connected(network.clients["usual"], SERVICE[version], 1) as (connection,):
            while time.time() // KEY_PERIOD == generation:
                time.sleep(0.05)
            client.run(["nft", "delete", "table", "inet", "held"])
            body = os.urandom(SIZE)
            connection.sendall(body)
            assert read(connection, SIZE) == body
    finally:
        client.run(["nft", "delete", "table", "inet", "held"], check=False)


@pytest.mark.parametrize("version", [4, 6])
def test_ports_are_used_again(network: Network, version: int) -> None:
    """The server closed first, and has the ports in TIME-WAIT: its kernel gets no SYN to end it."""
    steer(network, "gue", version)
    client, to = network.clients["no timestamps"], str(SERVICE[version])
    body, port = os.urandom(SIZE), 0
    for _ in range(3):
        with client.namespace.entered():
            connection = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
        with connection:
            connection.settimeout(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(("", port))
            connection.connect((to, PORT))
            port = connection.getsockname()[1]
            connection.sendall(body)
            assert read(connection, SIZE) == body
            assert connection.recv(1) == b"", "the server closes"
    host = network.backend("gue")
    assert end(network.agents.pop(host.name))["time_wait"] > 0
    network.agents[host.name] = start(network.lab, host, keys_of_file(network.daemon))


@pytest.mark.parametrize("name", ["usual", "no timestamps"])
@pytest.mark.parametrize("version", [4, 6])
def test_ports_are_used_again_where_the_server_speaks_first(
    network: Network, version: int, name: str
) -> None:
    """The client has said all that it had to say: it is asked for it."""
    steer(network, "gue", version)
    client, to, port = network.clients[name], str(SERVICE[version]), 0
    with greeting(network.backend("gue"), SERVICE[version]):
        for _ in range(4):
            with client.namespace.entered():
                connection = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
            with connection:
                connection.settimeout(20)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                connection.bind(("", port))
                connection.connect((to, GREETER))
                port = connection.getsockname()[1]
                assert read(connection, len(GREETING)) == GREETING
                assert connection.recv(1) == b"", "the server closes"


def test_ports_are_used_again_while_many_are_in_time_wait(network: Network) -> None:
    """Each connection finds its ports so: none fails, whatever of it comes before they are free."""
    steer(network, "gue", 6)
    client, urls = network.lab.client, [url(SERVICE[6])] * 50
    with setting(client, "ip_local_port_range", "40000 40199"):
        for _ in range(6):
            assert errors(curl(client, urls)) == {}
    host = network.backend("gue")
    counted = end(network.agents.pop(host.name))
    network.agents[host.name] = start(network.lab, host, keys_of_file(network.daemon))
    assert counted["time_wait"] > 0


def _connect_and_wait(connection: socket.socket) -> None:
    connection.connect((str(SERVICE[4]), PORT))
    connection.recv(1)


def test_a_backend_without_the_key_accepts_nothing(network: Network, tmp_path: Path) -> None:
    steer(network, "ipip", 4)
    host = network.backend("ipip")
    counted = end(network.agents.pop(host.name))
    assert counted["accepted"] > 0
    foreign = tmp_path / "secret"
    foreign.write_text("ab" * 32)
    process = start(network.lab, host, keys_of_file(network.daemon, foreign))
    client = network.lab.client.namespace
    with client.entered(), socket.socket() as connection:
        # No port that connections get by themselves: what has it in TIME-WAIT would be asked first.
        connection.bind(("", 20001))
        connection.settimeout(20)
        with pytest.raises(ConnectionResetError):
            _connect_and_wait(connection)
    counted = end(process)
    assert counted["bad_cookie"] > 0
    assert "accepted" not in counted
    network.agents[host.name] = start(network.lab, host, keys_of_file(network.daemon))


def test_keys_come_from_the_gateway(network: Network) -> None:
    """And what was told stays when it is gone: so do the keys of its data path."""
    steer(network, "gue", 6)
    host, daemon = network.backend("gue"), network.daemon
    end(network.agents.pop(host.name))
    keys = ["--gateway", f"{network.lab.gateway.ipv4}:{TLS_PORT}"]
    process = start(network.lab, host, [*keys, *certificates.of_client(network.lab.folder)])
    urls = [url(SERVICE[6])] * 50
    assert errors(curl(network.lab.client, urls)) == {}
    time.sleep(KEY_PERIOD + 1)
    assert errors(curl(network.lab.client, urls)) == {}
    daemon.stop()
    try:
        time.sleep(2 * KEY_PERIOD)
        assert errors(curl(network.lab.client, urls)) == {}
    finally:
        daemon.start()
    assert errors(curl(network.lab.client, urls)) == {}
    time.sleep(KEY_PERIOD + 1)
    assert errors(curl(network.lab.client, urls)) == {}
    assert end(process)["accepted"] >= 5 * len(urls)
    network.agents[host.name] = start(network.lab, host, keys_of_file(daemon))


@pytest.mark.parametrize(
    "name", ["tcp_sack", "tcp_timestamps", "tcp_window_scaling", "tcp_ecn", "tcp_syncookies"]
)
def test_settings_that_refuse_connections_are_told(network: Network, name: str) -> None:
    host = network.backend("l2dsr")
    command = [*unwrap.COMMAND, "--interface", INTERFACE, "--cookies"]
    with setting(host, name, 0):
        done = host.namespace.run([*command, *keys_of_file(network.daemon)], check=False)
    assert done.returncode == 7
    assert f"net.ipv4.{name} must not be 0" in done.stderr
    assert f"sysctl -w net.ipv4.{name}=" in done.stderr


def test_port_is_the_servers() -> None:
    assert f"dport {PORT} " in _NO_ACKS
