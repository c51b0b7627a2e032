"""QUIC connections that move: real HTTP/3 servers, whose connection ids bear their server id.

Backends answer the client directly: two are near (l2dsr), two far (gue, unwrapped there).
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from accel.lab import Host, Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.servers.certificates import make_chain
from accel.model.backend import Backend, Mode, State
from accel.model.hints import Hints, QuicId
from accel.model.quic import ServerId
from accel.model.results.gateway import Target
from accel.model.service import Protocol, Service
from tests.support.wire import quic_server
from tests.support.wire.quic_client import QuicClient
from tests.support.wire.steering import SERVICE, a_service, set_state

V1, V2 = 1, 0x6B3343CF
PROGRAM = Path(quic_server.__file__)
_BODY = b"x" * 40_000


@dataclass(frozen=True, kw_only=True)
class Form:
    """Of connection ids, and the port of the servers that make them so."""

    port: int
    id: QuicId
    retry: bool = False

    def server_id(self, host: Host) -> bytes:
        """Of the server on that host."""
        return host.name.encode().rjust(self.id.server_id_length, b"-")[-self.id.server_id_length :]


FORMS = {
    "short": Form(port=4431, id=QuicId(rotation=0, server_id_length=1, nonce_length=4)),
    "usual": Form(port=4432, id=QuicId(rotation=3, server_id_length=4, nonce_length=8), retry=True),
    "long": Form(port=4433, id=QuicId(rotation=6, server_id_length=15, nonce_length=4)),
}


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemons: list[Daemon]
    _ports: dict[tuple[str, str], Iterator[int]] = field(default_factory=dict)

    def steer(
        self, form: Form, *, version: int = 4, routed: bool = True, count: int = 4
    ) -> Service:
        """The service at both gateways, with so many backends; `routed`: by connection ids."""
        service = dataclasses.replace(
            a_service(version, port=form.port, protocol=Protocol.UDP),
            hints=Hints(holdout=0, bound=0, quic=(form.id,) if routed else ()),
        )
        backends = [
            Backend(
                service=service.name,
                name=host.name,
                address=host.address(version),
                mode=Mode.GUE if host in self.lab.far else Mode.L2DSR,
                server_ids=(
                    (ServerId(rotation=form.id.rotation, id=form.server_id(host)),)
                    if routed
                    else ()
                ),
            )
            for host in self.lab.backends[:count]
        ]
        for daemon in self.daemons:
            daemon.apply([service], backends)
        return service

    def base(self, service: Service, host: Host, port: int, gateway: int = 0) -> str:
        """Where a datagram from there goes that says nothing."""
        source = (host.address(service.address.version), port)
        target = Target(service=service.name, port=service.port)
        return self.daemons[gateway].client.explain(source, target).backend

    def port(
        self, service: Service, host: Host, wanted: Callable[[str], bool], gateway: int = 0
    ) -> int:
        """One that no flow has had yet, and whose base choice is wanted."""
        self._ports.setdefault((service.name, host.name), itertools.count(30000))
        return next(
            port
            for port in self._ports[service.name, host.name]
            if wanted(self.base(service, host, port, gateway))
        )

    def port_elsewhere(self, service: Service, host: Host, home: str, gateway: int = 0) -> int:
        """One that `home` is not the base choice of."""
        return self.port(service, host, lambda base: base != home, gateway)

    def packets(self, service: Service, gateway: int = 0) -> dict[str, int]:
        """That a gateway sent to each backend."""
        (stats,) = self.daemons[gateway].client.stats(service.name).services
        return {b.backend: sum(count.packets for count in b.counts) for b in stats.backends}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(Topology(clients=3, gateways=2, near=2, far=2)))
        lab.unwrap(lab.far)
        make_chain(lab.folder)
        servers = [serve(lab, host, form) for form in FORMS.values() for host in lab.backends]
        for server in servers:
            assert server.stdout is not None
            assert server.stdout.readline() == f"{quic_server.READY}\n"
        daemons = [stack.enter_context(Daemon(lab, gateway)) for gateway in lab.gateways]
        yield Network(lab=lab, daemons=daemons)


def serve(lab: Lab, host: Host, form: Form) -> subprocess.Popen[str]:
    for address in SERVICE.values():
        host.own(address)
    command = [sys.executable, PROGRAM, "--port", form.port, "--name", host.name]
    command += [part for a in SERVICE.values() for part in ("--address", a)]
    command += ["--certificate", lab.folder / "cert.pem", "--key", lab.folder / "key.pem"]
    command += ["--server-id", form.server_id(host).hex(), "--nonce", form.id.nonce_length]
    command += ["--rotation", form.id.rotation, *(["--retry"] if form.retry else [])]
    return host.namespace.popen(list(map(str, command)), stdout=subprocess.PIPE)


async def at_home(client: QuicClient) -> str:
    """The backend that answers, also when more than a packet is said."""
    name, size = (await client.answer(_BODY)).split()
    assert int(size) == len(_BODY)
    return name


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("quic", [V1, V2])
def test_a_connection_that_moves_stays_where_it_is(
    network: Network, name: str, version: int, quic: int
) -> None:
    service = network.steer(FORMS[name], version=version)
    first, second, third = network.lab.clients

    async def go(home: str) -> None:
        port = network.port(service, first, lambda base: base == home)
        client = await QuicClient.to(
            first, service.address, service.port, local_port=port, version=quic
        )
        assert await at_home(client) == home
        # To another host, as from one network to the next.
        await client.move(second, network.port_elsewhere(service, second, home))
        before = network.packets(service)
        assert await at_home(client) == home
        # To another one, unasked, as behind a NAT that has forgotten the client.
        await client.move(third, network.port_elsewhere(service, third, home), new_id=False)
        assert await at_home(client) == home
        after = network.packets(service)
        assert {n for n in after if after[n] != before[n]} == {home}
        client.end()

    for host in network.lab.backends:
        asyncio.run(go(host.name))


async def later(network: Network, service: Service) -> dict[str, int]:
    """The packets of each backend, a while later."""
    await asyncio.sleep(0.3)
    return network.packets(service)


@pytest.mark.parametrize("name", ["usual"])
def test_without_the_form_it_is_lost(network: Network, name: str) -> None:
    """And is found again once the gateway knows the form."""
    service = network.steer(FORMS[name], routed=False)
    first, second, third = network.lab.clients

    async def go() -> None:
        client = await QuicClient.to(first, service.address, service.port)
        home = await at_home(client)
        port = network.port_elsewhere(service, second, home)
        elsewhere = network.base(service, second, port)
        await client.move(second, port)
        while (before := network.packets(service)) != (await later(network, service)):
            pass  # what was on its way before it moved is still counted
        answer = client.ask()
        while network.packets(service)[elsewhere] < before[elsewhere] + 4:
            await asyncio.sleep(0.05)
        assert network.packets(service)[home] == before[home]
        assert not answer.done()

        network.steer(FORMS[name])
        await client.move(third, network.port_elsewhere(service, third, home))
        assert (await asyncio.wait_for(answer, 60)).split()[0] == home
        client.end()

    asyncio.run(go())


@pytest.mark.parametrize("routed", [True, False])
def test_a_gateway_without_the_flow(network: Network, routed: bool) -> None:
    """It began with one backend. There are four now, and the other gateway knows no flow of it."""
    form = FORMS["usual"]
    service = network.steer(form, routed=routed, count=1)
    network.steer(form, routed=routed)
    first, home = network.lab.client, network.lab.backends[0].name
    port = network.port_elsewhere(service, first, home, gateway=1)
    elsewhere = network.base(service, first, port, gateway=1)
    network.steer(form, routed=routed, count=1)

    async def begin() -> QuicClient:
        client = await QuicClient.to(first, service.address, service.port, local_port=port)
        assert await at_home(client) == home
        network.steer(form, routed=routed)
        assert await at_home(client) == home
        return client

    async def go_on(client: QuicClient) -> None:
        if routed:
            assert await at_home(client) == home
        else:
            answer = client.ask()
            while network.packets(service, 1)[elsewhere] < 4:
                await asyncio.sleep(0.05)
            assert not answer.done()
        client.end()

    with asyncio.Runner() as runner:
        client = runner.run(begin())
        # With no loop at work here: pyroute2 has one of its own.
        network.lab.route_services(network.lab.gateways[1])
        try:
            runner.run(go_on(client))
        finally:
            network.lab.route_services(network.lab.gateway)


def test_a_backend_that_drains_keeps_what_moves(network: Network) -> None:
    service = network.steer(FORMS["usual"])
    first, second, third = network.lab.clients

    async def go() -> None:
        client = await QuicClient.to(first, service.address, service.port)
        home = await at_home(client)
        set_state(network.daemons[0], service, home, State.DRAIN)
        await client.move(second, network.port_elsewhere(service, second, home))
        assert await at_home(client) == home
        # A new connection goes elsewhere.
        other = await QuicClient.to(third, service.address, service.port)
        assert await at_home(other) != home
        other.end()
        client.end()

    asyncio.run(go())


def test_ids_are_as_the_draft_has_them(network: Network) -> None:
    """First octet: rotation, and how long the rest is; server id; a nonce that is not the same."""
    for form in FORMS.values():
        service = network.steer(form)

        async def go(service: Service = service) -> tuple[str, list[bytes]]:
            client = await QuicClient.to(network.lab.client, service.address, service.port)
            home = await at_home(client)
            seen = [client.peer_id, *client.more_ids]
            client.end()
            return home, seen

        home, seen = asyncio.run(go())
        assert len(seen) == len(set(seen)) == 8
        server_id = form.server_id(network.lab.backend(home))
        for each in seen:
            assert each[0] == form.id.rotation << 5 | len(each) - 1
            assert len(each) == 1 + form.id.server_id_length + form.id.nonce_length
            assert each[1 : 1 + len(server_id)] == server_id
