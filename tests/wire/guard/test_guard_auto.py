"""Policy auto: on when a flood begins, off when it is over, under connections that stay open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from subprocess import PIPE, STDOUT, Popen

import pytest

from accel.client.client import Client
from accel.errors import UnreachableError
from accel.lab import Lab, Topology
from accel.lab.clients.flood import Kind, at_gateway
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Traffic, curl
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.guard import Guard, Policy
from accel.model.results.gateway import Attack
from accel.model.results.guard import GuardState
from accel.model.service import Service
from tests.support.wire.steering import SERVICE, errors, packets, url
from tests.support.wire.under_attack import SOURCES, Spoils, guard_services, until

ROUNDS = 2
MEGABYTE = 1 << 20
RATE = 50_000  # frames per second
SOME = 20_000  # frames after which what is seen is seen
GUARD = Guard(policy=Policy.AUTO, on_rate=5_000, hold=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    lab: Lab
    daemon: Daemon
    spoils: Spoils
    services: dict[int, Service]
    seen: list[Attack]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Keys roll every two seconds, so handshakes are under way whenever they do."""
    with Lab(Topology(clients=3 + ROUNDS, homes=1, near=2, far=0)) as lab:
        lab.serve(list(SERVICE.values()))
        with Daemon(lab, options=["--key-period", "2"]) as daemon:
            services = guard_services(daemon, GUARD, lab.near)
            spoils = Spoils(lab.near)
            seen: list[Attack] = []
            threading.Thread(target=watch, args=(daemon, seen), daemon=True).start()
            yield Place(lab=lab, daemon=daemon, spoils=spoils, services=services, seen=seen)


def upload(lab: Lab, address: Address) -> Popen[str]:
    """A slow one: a flood begins in the middle of it, and the guard switches on."""
    body = lab.folder / "body"
    body.write_bytes(bytes(MEGABYTE))
    command = ["curl", "--silent", "--show-error", "--globoff", "--limit-rate", "150K"]
    command += ["--max-time", "60", "--data-binary", f"@{body}", url(address, "upload")]
    return lab.client.namespace.popen(command, stdout=PIPE, stderr=STDOUT)


def watch(daemon: Daemon, seen: list[Attack]) -> None:
    """Until the daemon ends."""
    with suppress(UnreachableError), Client(daemon.socket) as client:
        seen.extend(event.attack for event in client.watch() if event.attack)


@pytest.mark.parametrize("version", [4, 6])
def test_on_and_off_again(place: Place, version: int) -> None:
    """Connections stay open and new ones are made all the time, from behind NAT too; strangers come
    under attack."""
    lab, daemon, spoils, address = place.lab, place.daemon, place.spoils, SERVICE[version]
    name = place.services[version].name
    started, ended = f"{name} is under attack", f"{name} is not under attack any more"
    with KeptFlows(host=lab.client, address=address, count=16) as kept:
        urls = [url(address, path) for path in ("1m", "1k", "", "")]
        traffic = [Traffic(host, urls) for host in (lab.client, lab.homes[0])]
        uploads = []
        for turn in range(1, ROUNDS + 1):
            uploads.append(upload(lab, address))
            flood = at_gateway(
                lab, sources=SOURCES[version], to=address, kind=Kind.MIXED, rate=RATE
            )
            before = {name: packets(daemon, name) for name in ("challenged", "unknown_flow")}
            with flood:
                until(lambda n: daemon.log.read_text().count(started) == n, started, turn)
                for verdict, seen in before.items():
                    until(lambda v, n: packets(daemon, v) > n, verdict, verdict, seen)
                until(lambda f, n: f.sent - n > SOME, "the flood", flood, flood.sent)
                reached, sent = spoils.packets, flood.sent
                assert errors(curl(lab.clients[turn], [url(address)] * 20)) == {}
                until(lambda f, n: f.sent - n > SOME, "the flood", flood, sent)
                assert (spoils.packets - reached) * 10_000 < flood.sent - sent
                (guard,) = daemon.client.guards(name)
                assert (guard.state, guard.answering) == (GuardState.ATTACK, True)
                (network,), worst = SOURCES[version], ip_network(guard.sources[0].prefix)
                assert worst.subnet_of(network)  # type: ignore[arg-type]  # of one version
            until(lambda n: daemon.log.read_text().count(ended) == n, ended, turn)
        assert [each.stop().errors for each in traffic] == [[], []]
        assert [process.communicate()[0] for process in uploads] == [f"{MEGABYTE}\n"] * ROUNDS
        kept.ask()
        assert kept.errors() == []
        assert min(flow.requests for flow in kept.flows) > ROUNDS

    def told() -> list[Attack]:
        return [attack for attack in place.seen if attack.service == name]

    until(lambda: len(told()) == 2 * ROUNDS, "as many events as attacks")
    assert [attack.started for attack in told()] == [True, False] * ROUNDS
    assert all(attack.excess_per_second > GUARD.on_rate for attack in told())
    assert all(attack.started or attack.seconds > 0 for attack in told())


def test_what_is_quiet_is_not_answered(place: Place) -> None:
    """After the attacks a stranger's SYN goes to a backend again."""
    answered = packets(place.daemon, "challenged")
    for address in SERVICE.values():
        assert errors(curl(place.lab.clients[-1], [url(address)] * 5)) == {}
    assert packets(place.daemon, "challenged") == answered


def test_a_killed_daemon_leaves_the_guard_on(place: Place) -> None:
    """Its data path answers on, the next daemon takes over, and ends it when the flood is over."""
    lab, daemon, spoils, name = place.lab, place.daemon, place.spoils, place.services[4].name
    with at_gateway(lab, sources=SOURCES[4], to=SERVICE[4], rate=RATE) as flood:
        until(lambda: daemon.client.guards(name)[0].answering, "the start")
        until(lambda n: flood.returned - n > SOME, "answers", flood.returned)
        reached, sent = spoils.packets, flood.sent
        daemon.kill()
        assert errors(curl(lab.clients[-2], [url(SERVICE[4])] * 20)) == {}
        daemon.start()
        assert daemon.client.guards(name)[0].answering
        until(lambda n: flood.sent - n > SOME, "the flood", flood.sent)
        assert errors(curl(lab.clients[-1], [url(SERVICE[4])] * 20)) == {}
        assert (spoils.packets - reached) * 10_000 < flood.sent - sent
    until(lambda: not daemon.client.guards(name)[0].answering, "the end")
