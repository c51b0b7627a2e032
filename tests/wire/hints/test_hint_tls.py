"""TLS 1.3 clients that return: backends cannot read each other's tickets, hints lead to the right
one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from accel.client.hint_client import HintClient
from accel.lab import Lab, Topology
from accel.lab.clients.flood import Kind, at_gateway
from accel.lab.clients.visitors import crowd, resumed
from accel.lab.daemon import Daemon
from accel.model.backend import State
from accel.model.guard import Guard, Policy
from accel.model.hints import UNHINTED, Hints
from tests.support.daemon.other_layout import FLOWS, OTHER_LAYOUT, USUAL_LAYOUT
from tests.support.wire.steering import SERVICE, a_service, set_state
from tests.support.wire.under_attack import until
from tests.support.wire.visiting import (
    AFFINITY,
    CLIENTS,
    LEARN,
    Place,
    Visiting,
    good,
    where,
)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Lab(Topology(near=5, far=0, homes=2, gateways=2)) as lab:
        lab.serve(list(SERVICE.values()))
        crowd(lab, lab.client)
        # Of what these tests open, none is pushed out of a flow cache of that size by others.
        with Daemon(lab, options=OTHER_LAYOUT) as daemon:
            yield Place(lab=lab, daemon=daemon)


@pytest.mark.parametrize("version", [4, 6])
def test_without_hints_tickets_are_of_little_use(place: Place, version: int) -> None:
    place.use(UNHINTED)
    visitors = place.visitors(version, 60)
    good(visitors.come())
    assert resumed(good(visitors.come())) < 0.6


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("hints", [LEARN, AFFINITY], ids=["learned", "affinity"])
def test_each_return_resumes(place: Place, version: int, hints: Hints) -> None:
    """Each comes from another port. The flows of before are forgotten in between."""
    place.use(hints)
    visitors = place.visitors(version)
    first = where(visitors.come())
    assert len(set(first.values())) > 1
    for _ in range(3):
        visits = good(visitors.come())
        assert resumed(visits) == 1
        assert where(visits) == first
    forget_flows(place, version)
    visits = good(visitors.come())
    assert resumed(visits) == 1
    assert where(visits) == first


def forget_flows(place: Place, version: int) -> None:
    """So many others come that the flow cache knows nobody else."""
    sources = {4: "198.18.0.0/15", 6: "2001:db8:bad::/48"}[version]
    with at_gateway(
        place.lab, sources=[ip_network(sources)], to=SERVICE[version], kind=Kind.ACK
    ) as flood:
        until(lambda: flood.sent > 4 * FLOWS, "a flood")


def test_one_that_is_switched_on_while_it_runs(place: Place) -> None:
    place.use(UNHINTED)
    visitors = place.visitors(4)
    good(visitors.come())
    place.daemon.client.update_service(a_service(4).name, hints=LEARN)
    good(visitors.come())
    assert resumed(good(visitors.come())) == 1
    place.daemon.client.update_service(a_service(4).name, hints=UNHINTED)
    good(visitors.come())


def test_clients_behind_one_nat_are_one_client(place: Place) -> None:
    place.use(LEARN)
    homes = [place.of(home, [home.ipv4], 4) for home in place.lab.homes]
    (first,) = where(homes[0].come()).values()
    for turn in range(3):
        for home in homes:
            (visit,) = good(home.come())
            assert visit.backend == first
            assert visit.resumed == (turn > 0 or home is homes[0])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("away", [State.DRAIN, State.DOWN])
@pytest.mark.parametrize("hints", [LEARN, AFFINITY], ids=["learned", "affinity"])
def test_who_is_away_is_passed_over(place: Place, version: int, away: State, hints: Hints) -> None:
    place.use(hints)
    service, visitors = a_service(version), place.visitors(version)
    first = where(visitors.come())
    name = first[visitors.clients[0]]
    set_state(place.daemon, service, name, away)
    moved = where(visitors.come())
    assert name not in moved.values()
    assert all(moved[c] == first[c] for c in first if first[c] != name)
    assert resumed(good(visitors.come())) == 1
    set_state(place.daemon, service, name, State.UP)
    back = where(visitors.come())
    assert back == (moved if hints is LEARN else first)
    assert resumed(good(visitors.come())) == 1


@pytest.mark.parametrize("version", [4, 6])
def test_one_that_is_replaced_takes_no_hints_over(place: Place, version: int) -> None:
    """Another host has the name, and perhaps the number, of one that is gone."""
    place.use(LEARN)
    visitors, hosts = place.visitors(version), place.lab.near
    first = where(visitors.come())
    gone = first[visitors.clients[0]]
    place.use(LEARN, backends=[host for host in hosts[:4] if host.name != gone])
    place.use(LEARN, backends=[host for host in hosts if host.name != gone])
    moved = where(visitors.come())
    assert gone not in moved.values()
    assert all(moved[c] == first[c] for c in first if first[c] != gone)
    assert resumed(good(visitors.come())) == 1


def test_nothing_is_learned_under_attack(place: Place) -> None:
    place.use(LEARN)
    service, visitors = a_service(4), place.visitors(4)
    place.daemon.client.update_service(service.name, guard=Guard(policy=Policy.ALWAYS))
    until(lambda: place.daemon.client.guards(service.name)[0].answering, "the guard")
    before = place.stats(4)
    for _ in range(3):
        good(visitors.come())
    after = place.stats(4)
    assert (after.learned, after.refreshed) == (before.learned, before.refreshed)
    assert after.unlearned > before.unlearned
    place.daemon.client.update_service(service.name, guard=Guard())
    until(lambda: not place.daemon.client.guards(service.name)[0].answering, "its end")
    good(visitors.come())
    assert resumed(good(visitors.come())) == 1
    assert place.stats(4).learned >= after.learned + CLIENTS


def test_another_gateway_makes_the_same_base_choice(place: Place) -> None:
    """No table is shared: it is the configuration that says where a client goes."""
    place.use(AFFINITY)
    visitors = {version: place.visitors(version) for version in SERVICE}
    first = {version: where(v.come()) for version, v in visitors.items()}
    with Daemon(place.lab, place.lab.gateways[1]) as other:
        services = [replace(a_service(v), hints=AFFINITY) for v in SERVICE]
        other.apply(services, [b for s in services for b in place.backends(s.name, s.address)])
        try:
            place.lab.route_services(place.lab.gateways[1])
            for version, each in visitors.items():
                visits = good(each.come())
                assert where(visits) == first[version]
                assert resumed(visits) == 1
        finally:
            place.lab.route_services(place.lab.gateway)


@pytest.mark.parametrize("version", [4, 6])
def test_a_killed_daemon_keeps_its_hints(place: Place, version: int) -> None:
    """Pushed and learned ones, while nobody is there and when the next one is; and clients come.

    Who does not come until then still has the time of its hint that was left.
    """
    place.use(LEARN)
    daemon, name = place.daemon, a_service(version).name
    learned, pushed, silent, busy = (place.visitors(version) for _ in range(4))
    first = where(learned.come())
    with HintClient(daemon.socket) as agent:
        for each in (pushed, silent):
            done = agent.push(name, dict.fromkeys(each.clients, "b2"), lifetime=3000)
            assert (done.set, done.failed) == (CLIENTS, 0)
    assert set(where(pushed.come()).values()) == {"b2"}
    with Visiting(visitors=busy) as visiting:
        visiting.more()
        until(lambda: place.left(name, silent) < 3000, "a second")
        left = place.left(name, silent)
        daemon.kill()
        try:
            assert where(learned.come()) == first
            assert set(where(pushed.come()).values()) == {"b2"}
            visiting.more()
        finally:
            daemon.start()
        assert 0 < place.left(name, silent) <= left
        for _ in range(2):
            visits = learned.come()
            assert where(visits) == first
            assert resumed(visits) == 1
            assert set(where(pushed.come()).values()) == {"b2"}
        visiting.more()
    assert set(where(silent.come()).values()) == {"b2"}
    good(visiting.visits)
    assert resumed(visiting.visits[CLIENTS:]) == 1
    assert place.stats(version).pushed_hints >= 2 * CLIENTS


def test_one_of_another_layout_keeps_what_was_pushed(place: Place) -> None:
    """No map can be adopted then: it comes from the store, with the time that was left."""
    place.use(LEARN)
    daemon, name, pushed = place.daemon, a_service(4).name, place.visitors(4)
    with HintClient(daemon.socket) as agent:
        agent.push(name, dict.fromkeys(pushed.clients, "b3"), lifetime=3000)
    left = place.left(name, pushed)
    daemon.stop()
    daemon.command += USUAL_LAYOUT
    daemon.start()
    assert 0 < place.left(name, pushed) <= left
    assert set(where(pushed.come()).values()) == {"b3"}
    assert resumed(good(pushed.come())) == 1
