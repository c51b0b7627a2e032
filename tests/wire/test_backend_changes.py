"""Backends come, go, drain and move while connections are open and new ones are made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from accel.lab import Host, Lab, Topology
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Traffic, curl
from accel.lab.daemon import Daemon
from accel.model.backend import Backend, Mode, State
from accel.model.service import Service
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

HOLD = 1.0  # seconds of load around each change
PARALLEL = 4  # connections of that load at a time


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon

    def kept(self, version: int = 4) -> KeptFlows:
        return KeptFlows(host=self.lab.client, address=SERVICE[version], count=60)

    def traffic(self, version: int = 4) -> Traffic:
        return Traffic(self.lab.client, [url(SERVICE[version])] * 20, parallel=PARALLEL)

    def answering(self, version: int = 4) -> set[str]:
        """Who answers new connections now."""
        answers = curl(self.lab.client, [url(SERVICE[version])] * 200)
        assert errors(answers) == {}
        return set(spread(answers))


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Lab(Topology(near=2, far=2, spare_router=True)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


def all_modes(lab: Lab, service: Service) -> list[Backend]:
    """One near backend by l2dsr, the other by gue, the far ones by ipip."""
    return [
        *its_backends(service, lab.near[:1], Mode.L2DSR),
        *its_backends(service, lab.near[1:], Mode.GUE),
        *its_backends(service, lab.far, Mode.IPIP),
    ]


def wait_for_mac(daemon: Daemon, service: Service, name: str, mac: str) -> None:
    """Until the gateway reaches this backend through `mac`."""
    deadline = time.monotonic() + 30
    while daemon.client.backend(service.name, name).hop.mac != mac:
        assert time.monotonic() < deadline, f"{name} is not reached through {mac}"
        time.sleep(0.01)


def test_a_drained_backend_keeps_its_flows_and_gets_no_others(network: Network) -> None:
    daemon, service = network.daemon, a_service(4)
    daemon.apply([service], all_modes(network.lab, service))
    with network.kept() as kept:
        traffic = network.traffic()
        for name in ("b1", "b2", "b3"):
            set_state(daemon, service, name, State.DRAIN)
            time.sleep(HOLD)
        assert network.answering() == {"b4"}
        tally = traffic.stop()
        requests = {name: sum(f.requests for f in kept.of(name)) for name in ("b1", "b2", "b3")}
        time.sleep(HOLD)
        for name in requests:
            assert kept.of(name)
            assert sum(f.requests for f in kept.of(name)) > requests[name]
        set_state(daemon, service, "b1", State.UP)
        assert network.answering() == {"b1", "b4"}
        assert kept.errors() == []
    assert tally.requests > 0
    assert tally.errors == []


@pytest.mark.parametrize("how", ["remove", "down"])
def test_flows_of_other_backends_survive_the_loss_of_one(network: Network, how: str) -> None:
    daemon, service = network.daemon, a_service(6)
    daemon.apply([service], all_modes(network.lab, service))
    with network.kept(6) as kept:
        lost = kept.of("b3")
        others = [flow for flow in kept.flows if flow.backend != "b3"]
        assert lost
        traffic = network.traffic(6)
        time.sleep(HOLD)
        if how == "remove":
            daemon.client.delete_backend(service.name, "b3")
        else:
            set_state(daemon, service, "b3", State.DOWN)
        assert network.answering(6) == {"b1", "b2", "b4"}
        time.sleep(HOLD)
        assert [flow.error for flow in others if flow.error] == []
        # Steered anew: another backend knows nothing of them, and says so.
        assert [flow for flow in lost if not flow.error] == []
    # And what b3 was serving in that very moment: that cannot survive.
    assert len(traffic.stop().errors) <= PARALLEL


def test_a_removed_and_an_added_backend_move_no_others(network: Network) -> None:
    daemon, service = network.daemon, a_service(4)
    backends = all_modes(network.lab, service)
    daemon.apply([service], backends[:3])
    with network.kept() as kept:
        traffic = network.traffic()
        for _ in range(3):
            daemon.apply([service], backends)
            assert network.answering() == {"b1", "b2", "b3", "b4"}
            set_state(daemon, service, "b4", State.DRAIN)
            assert network.answering() == {"b1", "b2", "b3"}
            time.sleep(0.2)  # what b4 has left is answered
            daemon.apply([service], backends[:3])
        daemon.apply(
            [service],
            [replace(b, weight=w) for b, w in zip(backends, (1, 50, 200, 9), strict=True)],
        )
        time.sleep(HOLD)
        assert kept.errors() == []
    assert traffic.stop().errors == []


def test_a_backend_gets_another_mac_address(network: Network) -> None:
    """As after a failover of its host: it tells its neighbours, as sysctl arp_notify has it."""
    lab, daemon = network.lab, network.daemon
    near = lab.near[0]
    services = [a_service(4), a_service(6)]
    backends = [b for s in services for b in its_backends(s, [near], Mode.L2DSR)]
    daemon.apply(services, backends)
    near.namespace.sysctl(ipv4__conf__eth0__arp_notify=1, ipv6__conf__eth0__ndisc_notify=1)
    with network.kept(4) as kept4, network.kept(6) as kept6:
        traffic = network.traffic()
        for mac in ("02:aa:00:00:00:01", "02:aa:00:00:00:02"):
            near.set_mac(mac)
            for service in services:
                wait_for_mac(daemon, service, near.name, mac)
            assert network.answering(4) == network.answering(6) == {near.name}
        time.sleep(HOLD)
        assert kept4.errors() == kept6.errors() == []
    assert traffic.stop().errors == []


def test_a_silent_change_of_mac_is_found_out(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    near, service = lab.near[1], a_service(4)
    near.namespace.sysctl(ipv4__conf__eth0__arp_notify=0)
    daemon.apply([service], its_backends(service, [near], Mode.L2DSR))
    near.set_mac("02:aa:00:00:00:03")
    # What a gateway's kernel does by itself after a while (gc_stale_time, base_reachable_time).
    lab.gateway.namespace.run(["ip", "neigh", "flush", "dev", "eth0"])
    wait_for_mac(daemon, service, near.name, "02:aa:00:00:00:03")
    assert network.answering() == {near.name}


def test_the_route_moves_to_another_router(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    services = [a_service(4), a_service(6)]
    backends = [b for s in services for b in its_backends(s, lab.far, Mode.IPIP)]
    daemon.apply(services, backends)
    near, far = lab.segments[1], lab.segments[2]
    gateway = lab.gateway.namespace
    spare = {
        str(link.get("ifname")): str(link.get("address")) for link in lab.spare.netlink.get_links()
    }["near"]
    former = next(r for r in daemon.client.backends()[0]).hop.mac
    with network.kept(4) as kept4, network.kept(6) as kept6:
        traffic = network.traffic(6)
        forwarded = lab.spare.counter("Ip", "ForwDatagrams")
        for family, network_, router in (
            ("-4", far.ipv4, near.ipv4[2]),
            ("-6", far.ipv6, near.ipv6[2]),
        ):
            gateway.run(f"ip {family} route add {network_} via {router}".split())
        for service in services:
            for name in ("b3", "b4"):
                wait_for_mac(daemon, service, name, spare)
        assert network.answering(4) == network.answering(6) == {"b3", "b4"}
        assert lab.spare.counter("Ip", "ForwDatagrams") > forwarded
        for family, network_ in (("-4", far.ipv4), ("-6", far.ipv6)):
            gateway.run(f"ip {family} route del {network_}".split())
        for service in services:
            for name in ("b3", "b4"):
                wait_for_mac(daemon, service, name, former)
        time.sleep(HOLD)
        assert kept4.errors() == kept6.errors() == []
    assert traffic.stop().errors == []


def test_a_backend_that_does_not_answer_is_not_lost_silently(network: Network) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(4)
    nobody: Host = lab.near[0]
    (there,) = its_backends(service, [lab.near[1]], Mode.L2DSR)
    absent = replace(there, name="nobody", address=nobody.segment.ipv4[200])
    daemon.client.apply([service], [absent], prune=True)
    (answer,) = curl(lab.client, [url(SERVICE[4])], timeout=1.0)
    assert answer.error
    assert packets(daemon, "no_backend") + packets(daemon, "no_next_hop") > 0
    assert "ARP" in daemon.client.backend(service.name, "nobody").hop.problem
    # With another one beside it, that one gets everything.
    daemon.client.apply([service], [absent, there], prune=True)
    assert network.answering() == {there.name}
