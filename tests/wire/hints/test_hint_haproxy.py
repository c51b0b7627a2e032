"""Shards and warm connections with a tier of real HAProxy behind the gateways.

Each of four HAProxy has two nginx behind it and keeps connections to them (`http-reuse always`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from accel.client.hint_client import HintClient
from accel.lab import Host, Lab, Topology
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.lab.servers import nginx
from accel.lab.servers.haproxy import Haproxy, Used
from accel.model.address import Address
from accel.model.backend import Mode, State
from accel.model.hints import Hints, Shard, ShardKey
from accel.model.service import Service
from tests.support.wire import certificates
from tests.support.wire.steering import (
    SERVICE,
    a_service,
    chosen,
    errors,
    its_backends,
    set_state,
    spread,
    url,
)
from tests.support.wire.under_attack import until
from tests.support.wire.uploads import Uploads

PLAIN = Hints(holdout=0, bound=0)  # and no load bound: what is looked at is one kind at a time
WARM = dataclasses.replace(PLAIN, warm=True)
TLS_PORT = 7443
FLOWS = 30  # of each phase
POOL = 4 * FLOWS  # warm connections: more than all flows between two reports


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemons: list[Daemon]
    proxies: dict[str, Haproxy]

    def steer(self, hints: Hints, count: int = 4, *, version: int = 4) -> Service:
        """The service at both gateways, with so many HAProxy behind it."""
        service = dataclasses.replace(a_service(version), hints=hints)
        for daemon in self.daemons:
            daemon.apply([service], its_backends(service, self.lab.near[:count], Mode.L2DSR))
        self.lab.route_services(self.lab.gateway)
        return service


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(Topology(clients=3, gateways=2, near=4, far=2)))
        nginx.start(lab.folder, lab.far, [ip_address("0.0.0.0")])
        upstreams = [host.ipv4 for host in lab.far]
        proxies = {
            host.name: Haproxy(lab.folder, host, [*SERVICE.values()], upstreams)
            for host in lab.near
        }
        tls = certificates.make(lab.folder, [str(gateway.ipv4) for gateway in lab.gateways])
        daemons = []
        for gateway in lab.gateways:
            tcp = ["--tcp", f"{gateway.ipv4}:{TLS_PORT}", *certificates.of_server(tls)]
            daemons.append(stack.enter_context(Daemon(lab, gateway, options=tcp)))
        yield Network(lab=lab, daemons=daemons, proxies=proxies)


def fill(network: Network, proxy: Haproxy) -> None:
    """Have it keep POOL connections, from requests at its own address."""
    Uploads(network.lab.clients[2], proxy.host.ipv4, range(20000, 20000 + POOL)).end()


def agent(network: Network, proxy: Haproxy, service: Service, *more: str) -> subprocess.Popen[str]:
    """`accel agent haproxy` beside a HAProxy, which tells both gateways by mutual TLS."""
    command = [sys.executable, "-m", "accel.cli.main", "agent", "haproxy"]
    command += ["--stats-socket", str(proxy.socket), "--haproxy-backend", "web"]
    command += ["--service", service.name, "--backend", proxy.host.name]
    for gateway in network.lab.gateways:
        command += ["--gateway", f"{gateway.ipv4}:{TLS_PORT}"]
    command += [*certificates.of_client(network.lab.folder), *more]
    return proxy.host.namespace.popen(command, stderr=subprocess.PIPE)


# Shard


@pytest.mark.parametrize("version", [4, 6])
def test_a_client_has_two_of_four(network: Network, version: int) -> None:
    hints = dataclasses.replace(PLAIN, shard=Shard(key=ShardKey.SOURCE, size=2))
    service = network.steer(hints, version=version)
    hosts = network.lab.clients[:2]
    for gateway in network.lab.gateways:
        network.lab.route_services(gateway)
        for host in hosts:
            answers = curl(host, [url(SERVICE[version], "1")] * 60)
            assert errors(answers) == {}
            assert set(spread(answers)) == shard(network, service, host.address(version))
    # More clients than the lab has hosts: what both gateways' programs would do with them.
    some = {4: "203.0.113.%d", 6: "2001:db8:c:%x::7"}[version]
    shards = [shard(network, service, ip_address(some % number)) for number in range(10, 40)]
    assert len(set(map(frozenset, shards))) > 2, "all clients have the same backends"
    assert sum(len(each) == 2 for each in shards) > len(shards) / 2


def shard(network: Network, service: Service, client: Address) -> set[str]:
    """The backends that a client has, which are the same for both gateways, flow by flow."""
    first, second = (
        [chosen(daemon, service, client, 20000 + i) for i in range(20)]
        for daemon in network.daemons
    )
    assert first == second
    assert len(set(first)) <= 2
    return set(first)


# Warm


def use(
    proxy: Haproxy,
    host: Host,
    ports: Sequence[int],
    ready: Callable[[int], bool] = lambda port: True,
) -> Used:
    """The connections that a proxy needs for requests from these ports, which all come to it."""
    before = proxy.used()
    answered = Uploads(host, SERVICE[4], ports, ready).end()
    assert answered == [proxy.host.name] * len(ports)
    used = proxy.used().since(before)
    assert used.connected + used.reused == len(ports)
    return used


def test_the_warmer_of_two_gets_new_flows(network: Network) -> None:
    """b1 has warm connections and b2 none: flows whose two candidates they are go to b1."""
    service = network.steer(PLAIN, count=2)
    first, host = network.daemons[0], network.lab.client
    cold, warm = network.proxies["b2"], network.proxies["b1"]
    fill(network, warm)
    cold.stop()
    cold.start()
    ports = [p for p in range(30000, 31000) if chosen(first, service, host.ipv4, p) == "b2"]
    without = use(cold, host, ports[:FLOWS])
    cold.stop()
    cold.start()

    for daemon in network.daemons:
        daemon.client.update_service(service.name, hints=WARM)
    agents = [agent(network, proxy, service) for proxy in (warm, cold)]
    for daemon in network.daemons:
        until(
            lambda daemon=daemon: (
                {chosen(daemon, service, host.ipv4, p) for p in ports} == {"b1", "b2"}
            ),
            "a report",
        )
    # The other candidate of half of them is b2, too.
    moved = [p for p in ports[FLOWS:] if chosen(first, service, host.ipv4, p) == "b1"]
    assert len(moved) > 2 * FLOWS

    def believed(port: int) -> bool:
        return chosen(first, service, host.ipv4, port) == "b1"

    with_it = use(warm, host, moved[:FLOWS], believed)
    assert with_it.share == 1
    assert without.share < with_it.share

    probe = moved[FLOWS]
    until(lambda: believed(probe), "a report")
    agents[0].kill()
    until(lambda: not believed(probe), "the end of belief")
    answered = Uploads(host, SERVICE[4], moved[FLOWS : 2 * FLOWS]).end()
    assert answered == ["b2"] * FLOWS

    agents[1].send_signal(signal.SIGTERM)
    said = agents[1].communicate(timeout=60)[1]
    assert agents[1].returncode == 0
    assert f"{cold.socket} is {service.name}/b2 for " in said


def test_an_agent_that_ends(network: Network) -> None:
    service = network.steer(WARM, count=2)
    proxy = network.proxies["b1"]
    fill(network, proxy)
    host, daemon, ports = network.lab.client, network.daemons[0], range(31000, 31200)

    def choices() -> list[str]:
        return [chosen(daemon, service, host.ipv4, port) for port in ports]

    before = choices()
    process = agent(network, proxy, service)
    until(lambda: choices().count("b1") > before.count("b1"), "a report")
    process.terminate()
    assert process.wait(timeout=60) == 0
    until(lambda: choices() == before, "the choice without warmth")


def test_haproxy_and_gateway_restart(network: Network) -> None:
    service = network.steer(WARM, count=2)
    proxy, (daemon, _) = network.proxies["b1"], network.daemons
    host, ports = network.lab.client, range(32000, 32100)

    def warm() -> int:
        return [chosen(daemon, service, host.ipv4, port) for port in ports].count("b1")

    cold = warm()
    proxy.stop()
    process = agent(network, proxy, service)
    try:
        for _ in range(2):
            proxy.start()
            fill(network, proxy)
            until(lambda: warm() > cold, "a report")
            proxy.stop()
            until(lambda: warm() == cold, "a report of nothing")
        proxy.start()
        fill(network, proxy)
        daemon.stop()
        daemon.start()
        until(lambda: warm() > cold, "a report to the daemon that is back")
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert 2 <= said.count(f"HAProxy answers at {proxy.socket} again") <= 3  # was it there first?
    assert "takes reports again" in said


def test_what_an_agent_pushes_is_followed(network: Network) -> None:
    service = network.steer(PLAIN)
    host, urls = network.lab.client, [url(SERVICE[4], "1")] * 40
    with HintClient(network.daemons[0].socket) as gateway:
        assert gateway.push(service.name, {host.ipv4: "b3"}, lifetime=3600).set == 1
        answers = curl(host, urls)
        assert errors(answers) == {}
        assert set(spread(answers)) == {"b3"}
        assert set(spread(curl(network.lab.clients[1], urls))) > {"b3"}
        assert gateway.remove(service.name, [host.ipv4]).removed == 1
    assert set(spread(curl(host, urls))) > {"b3"}


def test_no_connection_breaks(network: Network) -> None:
    """Backends drain and come back, hints are changed, agents come and go: flows stay."""
    service = network.steer(PLAIN)
    daemon = network.daemons[0]
    proxies = list(network.proxies.values())
    with KeptFlows(host=network.lab.clients[1], address=SERVICE[4], count=64) as kept:
        homes = [flow.backend for flow in kept.flows]
        assert set(homes) == set(network.proxies)
        for hints in (
            WARM,
            dataclasses.replace(WARM, shard=Shard(key=ShardKey.SOURCE, size=2)),
            PLAIN,
            WARM,
        ):
            daemon.client.update_service(service.name, hints=hints)
            for proxy in proxies[:2]:
                process = agent(network, proxy, service)
                set_state(daemon, service, proxy.host.name, State.DRAIN)
                answers = curl(network.lab.client, [url(SERVICE[4], "1")] * 30)
                assert errors(answers) == {}
                assert proxy.host.name not in spread(answers)
                set_state(daemon, service, proxy.host.name, State.UP)
                process.kill()
                process.communicate()
            asked = [flow.requests for flow in kept.flows]
            until(
                lambda asked=asked: all(
                    flow.error or flow.requests > before + 1
                    for flow, before in zip(kept.flows, asked, strict=True)
                ),
                "another answer on each connection",
            )
        assert kept.errors() == []
        assert [flow.backend for flow in kept.flows] == homes
