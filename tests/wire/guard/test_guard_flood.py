"""Floods on the wire: what the backends see of them, and what real clients do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

import pytest

from accel.client.prefixes import PrefixClient
from accel.lab import Lab, Topology
from accel.lab.clients.flood import Kind, Network, at_gateway
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.guard import Guard, GuardLevel, GuardMode, Policy, Rate, SourceRate
from tests.support.wire.steering import SERVICE, errors, packets, url
from tests.support.wire.under_attack import SOURCES, Spoils, guard_services, settled, until

MANY = 200_000  # frames of a flood
MOST = 5_000_000
ALWAYS = Guard(policy=Policy.ALWAYS)
BOTS: dict[tuple[int, Kind], Network] = {  # others each time: they are remembered
    (4, Kind.SYN): ip_network("198.18.0.0/18"),
    (4, Kind.MIXED): ip_network("198.18.64.0/18"),
    (6, Kind.SYN): ip_network("2001:db8:bad:8000::/50"),
    (6, Kind.MIXED): ip_network("2001:db8:bad:4000::/50"),
}
PREFIXES = {4: 64, 6: 1}  # of the bots: /24s, /48s


@dataclass(frozen=True, kw_only=True)
class Place:
    lab: Lab
    daemon: Daemon
    spoils: Spoils


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Lab(Topology(clients=2, homes=1, near=2, far=0)) as lab:
        lab.serve(list(SERVICE.values()))
        with Daemon(lab) as daemon:
            yield Place(lab=lab, daemon=daemon, spoils=Spoils(lab.near))


def test_without_a_guard_the_backends_get_it_all(place: Place) -> None:
    """What the other tests count is there to be counted."""
    guard_services(place.daemon, Guard(), place.lab.near)
    for version in SERVICE:
        before = place.spoils.packets
        flood = at_gateway(
            place.lab, sources=SOURCES[version], to=SERVICE[version], rate=20_000, most=10_000
        )
        with flood:
            flood.wait()
        until(lambda before: place.spoils.packets - before > 8_000, "the flood", before)


@pytest.mark.parametrize("mode", [GuardMode.AUTH, GuardMode.RETRANSMIT])
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("version", [4, 6])
def test_the_backends_get_nothing_and_clients_all(
    place: Place, version: int, kind: Kind, mode: GuardMode
) -> None:
    guard_services(place.daemon, Guard(policy=Policy.ALWAYS, mode=mode), place.lab.near)
    settled(place.lab, place.daemon, "unknown_flow")
    before = place.spoils.packets
    flood = at_gateway(
        place.lab, sources=SOURCES[version], to=SERVICE[version], kind=kind, most=MANY
    )
    with flood:
        for host in (place.lab.client, place.lab.homes[0]):
            assert errors(curl(host, [url(SERVICE[version])] * 100)) == {}
        flood.wait()
    assert (place.spoils.packets - before) * 10_000 < MANY


def test_who_draws_the_same_ports_again_has_not_sent_again(place: Place) -> None:
    """In mode retransmit, with so few sources that most SYNs have the ports of one before."""
    guard_services(
        place.daemon, Guard(policy=Policy.ALWAYS, mode=GuardMode.RETRANSMIT), place.lab.near
    )
    settled(place.lab, place.daemon, "first_syn", "unknown_flow")
    before = place.spoils.packets
    few = [ip_network("198.18.7.0/29")]
    flood = at_gateway(place.lab, sources=few, to=SERVICE[4], rate=MANY // 2, most=MANY)
    with flood:
        flood.wait()
    assert (place.spoils.packets - before) * 10_000 < MANY


def test_five_million_spoofed_syns_leave_what_is_known(place: Place) -> None:
    """Open connections, their entries in the flow cache, and the sources that are proven."""
    guard_services(place.daemon, ALWAYS, place.lab.near)
    settled(place.lab, place.daemon, "unknown_flow")
    client, spoils = place.lab.client, place.spoils.packets
    with KeptFlows(host=client, address=SERVICE[4], count=24) as kept:
        stored = packets(place.daemon, "forward_new")
        with at_gateway(place.lab, sources=SOURCES[4], to=SERVICE[4], most=MOST) as flood:
            assert flood.wait() == MOST
        kept.ask()
        assert kept.errors() == []
        assert packets(place.daemon, "forward_new") == stored
    assert (place.spoils.packets - spoils) * 10_000 < MOST
    answered = packets(place.daemon, "challenged")
    assert errors(curl(client, [url(SERVICE[4])] * 20)) == {}
    assert packets(place.daemon, "challenged") == answered


@pytest.mark.parametrize(("kind", "buckets"), [(Kind.SYN, 1), (Kind.MIXED, 2)])
@pytest.mark.parametrize("version", [4, 6])
def test_of_a_botnet_the_backends_get_its_rate(
    place: Place, version: int, kind: Kind, buckets: int
) -> None:
    """16384 sources that answer challenges, each as fast as it can: SYNs, and strays apart."""
    rate = SourceRate(
        level=GuardLevel.ON,
        source=Rate(per_second=20, burst=40),
        prefix=Rate(per_second=50, burst=50),
    )
    guard = Guard(policy=Policy.ALWAYS, syn_rate=rate)
    guard_services(place.daemon, guard, place.lab.near)
    settled(place.lab, place.daemon, "unknown_flow")
    before = place.spoils.packets
    proven, limited = (packets(place.daemon, name) for name in ("proven", "syn_rate"))
    began = time.monotonic()
    flood = at_gateway(
        place.lab,
        sources=[BOTS[version, kind]],
        to=SERVICE[version],
        kind=kind,
        bots=True,
        rate=100_000,
        most=MANY,
    )
    with flood:
        answers = curl(place.lab.client, [url(SERVICE[version])] * 30)
        flood.wait()
    took = time.monotonic() - began
    assert errors(answers) == {}
    assert packets(place.daemon, "proven") - proven > 10_000
    assert packets(place.daemon, "syn_rate") - limited > MANY / 4
    assert 0 < place.spoils.packets - before <= buckets * PREFIXES[version] * 50 * (took + 2)


@pytest.mark.parametrize("version", [4, 6])
def test_an_allowed_health_checker_is_not_asked_for_anything(place: Place, version: int) -> None:
    """Neither before a flood nor in it; the guard is the slowest one for all others."""
    checker, address = place.lab.clients[1], SERVICE[version]
    guard = Guard(policy=Policy.ALWAYS, mode=GuardMode.RETRANSMIT)
    guard_services(place.daemon, guard, place.lab.near)
    settled(place.lab, place.daemon, "first_syn", "unknown_flow")
    with PrefixClient(place.daemon.socket) as client:
        client.add_prefixes([ip_network(checker.address(version))], deny=False)
        first = packets(place.daemon, "first_syn")
        assert errors(curl(checker, [url(address)] * 20)) == {}
        assert packets(place.daemon, "first_syn") == first
        with at_gateway(place.lab, sources=SOURCES[version], to=address, most=MANY) as flood:
            sent_again = checker.namespace.counter("Tcp", "RetransSegs")
            assert errors(curl(checker, [url(address)] * 50, parallel=1)) == {}
            flood.wait()
        assert checker.namespace.counter("Tcp", "RetransSegs") - sent_again < 10
        client.remove_prefixes([ip_network(checker.address(version))])


@pytest.mark.parametrize("version", [4, 6])
def test_a_denied_prefix_is_not_even_answered(place: Place, version: int) -> None:
    guard_services(place.daemon, ALWAYS, place.lab.near)
    with PrefixClient(place.daemon.socket) as client:
        client.add_prefixes(SOURCES[version], deny=True)
        before = place.spoils.packets
        flood = at_gateway(
            place.lab, sources=SOURCES[version], to=SERVICE[version], most=MANY, kind=Kind.MIXED
        )
        with flood:
            assert errors(curl(place.lab.client, [url(SERVICE[version])] * 100)) == {}
            flood.wait()
        assert packets(place.daemon, "denied") > MANY / 2
        assert (flood.returned, place.spoils.packets - before) == (0, 0)
        client.remove_prefixes(SOURCES[version])
