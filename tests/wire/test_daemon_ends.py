"""The daemon is killed, started again and replaced under load: the data path goes on steering."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from accel.lab import Lab, Topology
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Traffic, curl
from accel.lab.daemon import Daemon
from accel.lab.servers.datagrams import Datagrams, echo
from accel.model.backend import Backend, Mode, State
from accel.model.service import Protocol, Service
from tests.support.daemon.other_layout import OTHER_LAYOUT
from tests.support.wire.steering import (
    SERVICE,
    a_service,
    errors,
    its_backends,
    packets,
    set_state,
    spread,
    url,
)

ECHO_PORT = 7


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture
def network() -> Iterator[Network]:
    with Lab(Topology(near=2, far=2)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap(lab.far)
        with (
            Daemon(lab) as daemon,
            echo(lab.backends, SERVICE[4], ECHO_PORT),
            echo(lab.backends, SERVICE[6], ECHO_PORT),
        ):
            yield Network(lab=lab, daemon=daemon)


def everything(lab: Lab) -> tuple[list[Service], list[Backend]]:
    services = [a_service(version) for version in SERVICE]
    services += [a_service(v, port=ECHO_PORT, protocol=Protocol.UDP) for v in SERVICE]
    backends = [
        backend
        for service in services
        for backend in (
            *its_backends(service, lab.near, Mode.L2DSR),
            *its_backends(service, lab.far, Mode.IPIP),
        )
    ]
    return services, backends


def killed(daemon: Daemon) -> None:
    daemon.kill()
    time.sleep(1)
    daemon.start()


def stopped(daemon: Daemon) -> None:
    daemon.stop()
    time.sleep(1)
    daemon.start()


def replaced(daemon: Daemon) -> None:
    """By one whose maps are of another layout: nothing can be adopted."""
    daemon.stop()
    daemon.command += OTHER_LAYOUT
    daemon.start()


@pytest.mark.parametrize(
    ("how", "adopted"),
    [(killed, True), (stopped, True), (replaced, False)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_nothing_is_lost(network: Network, how: Callable[[Daemon], None], adopted: bool) -> None:
    lab, daemon = network.lab, network.daemon
    services, backends = everything(lab)
    daemon.apply(services, backends)
    with (
        KeptFlows(host=lab.client, address=SERVICE[4], count=40) as kept4,
        KeptFlows(host=lab.client, address=SERVICE[6], count=40) as kept6,
    ):
        datagrams = [Datagrams(lab.client, SERVICE[v], ECHO_PORT, rate=400) for v in SERVICE]
        traffic = Traffic(lab.client, [url(SERVICE[v]) for v in (4, 6)] * 10, parallel=4)
        time.sleep(0.5)
        how(daemon)
        time.sleep(0.5)
        status = daemon.client.status()
        assert status.adopted == adopted
        assert [a.interface for a in status.attachments] == ["eth0"]
        assert packets(daemon, "forward_flow") > 0
        tally = traffic.stop()
        sent = [each.sent for each in datagrams]
        assert [each.stop() for each in datagrams] == [0, 0], f"missing of {sent}"
        assert min(sent) > 100
        assert kept4.errors() == kept6.errors() == []
    assert tally.errors == []
    assert tally.requests > 0
    assert {s.key for s in daemon.client.services()[0]} == {s.key for s in services}


def test_a_killed_daemon_remembers_a_drain(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    services, backends = everything(lab)
    daemon.apply(services, backends)
    with KeptFlows(host=lab.client, address=SERVICE[4], count=40) as kept:
        set_state(daemon, services[0], "b1", State.DRAIN)
        daemon.kill()
        answers = curl(lab.client, [url(SERVICE[4])] * 200)
        assert errors(answers) == {}
        assert set(spread(answers)) == {"b2", "b3", "b4"}
        daemon.start()
        answers = curl(lab.client, [url(SERVICE[4])] * 200)
        assert set(spread(answers)) == {"b2", "b3", "b4"}
        assert kept.of("b1")
        assert kept.errors() == []


def test_a_second_daemon_is_refused_and_the_first_goes_on(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    services, backends = everything(lab)
    daemon.apply(services, backends)
    second = lab.gateway.namespace.popen(daemon.command)
    assert second.wait(timeout=60) == 7
    answers = curl(lab.client, [url(SERVICE[4])] * 50)
    assert errors(answers) == {}
    assert daemon.client.status().attachments


def test_another_gateway_takes_over() -> None:
    """The same services make the same ring: no connection needs the gateway it began at."""
    with Lab(Topology(gateways=2, near=2, far=2)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap(lab.far)
        services, backends = everything(lab)
        with Daemon(lab, lab.gateways[0]) as first, Daemon(lab, lab.gateways[1]) as second:
            first.apply(services, backends)
            second.apply(list(reversed(services)), list(reversed(backends)))
            with (
                KeptFlows(host=lab.client, address=SERVICE[4], count=40) as kept4,
                KeptFlows(host=lab.client, address=SERVICE[6], count=40) as kept6,
            ):
                traffic = Traffic(lab.client, [url(SERVICE[v]) for v in (4, 6)] * 10, parallel=4)
                assert packets(second, "forward_flow") == 0
                lab.route_services(lab.gateways[1])
                first.process.send_signal(signal.SIGKILL)
                time.sleep(1)
                assert packets(second, "forward_flow") > 0
                assert kept4.errors() == kept6.errors() == []
            tally = traffic.stop()
            assert tally.errors == []
            assert tally.requests > 0
