"""How flows behave: what is stored, what is known, and where its packets go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.all import UDP, Ether, IPv6

from accel.model.backend import State
from tests.support.packets.flows import (
    ACK,
    POOL,
    SYN,
    TCP4,
    UDP4,
    chosen,
    client,
    known,
    path_mtu_error,
    stored,
)
from tests.support.packets.packets import CLIENT_PORT, LINK, leaves, tcp, to_api, transport, udp
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import GATEWAY_MAC, WAYS


def test_a_syn_stores_nothing(rig: Rig) -> None:
    rig.count(bytes(SYN))
    assert stored(rig) == 0
    assert not known(rig, bytes(ACK))


def test_the_first_ack_stores_the_backend_that_the_syn_went_to(rig: Rig) -> None:
    backend = chosen(rig, bytes(SYN))
    rig.count(bytes(SYN))
    rig.count(bytes(ACK))
    assert stored(rig) == 1
    assert known(rig, bytes(ACK))
    assert chosen(rig, bytes(ACK)) == backend
    assert rig.datapath.flows.per_backend()[backend] == 1


def test_the_first_datagram_stores(rig: Rig) -> None:
    frame = bytes(LINK / to_api(4) / udp(POOL.port))
    rig.count(frame)
    assert known(rig, frame)
    assert sum(rig.flows_of(UDP4)) == 1
    assert sum(rig.flows_of(TCP4)) == 0


def test_a_trace_stores_nothing(rig: Rig) -> None:
    rig.trace(bytes(ACK))
    assert stored(rig) == 0


@pytest.mark.parametrize("change", ["source", "source port", "protocol", "service", "version"])
def test_another_flow_is_not_known(rig: Rig, change: str) -> None:
    rig.count(bytes(ACK))
    other = {
        "source": to_api(4, src="198.51.100.8") / tcp(POOL.port),
        "source port": to_api(4) / tcp(POOL.port, sport=CLIENT_PORT + 1),
        "protocol": to_api(4) / udp(POOL.port),
        "service": to_api(4) / tcp(WAYS["ipip4"].port),
        "version": to_api(6) / tcp(POOL.port),
    }[change]
    assert not known(rig, bytes(LINK / other))


def test_known_by_more_than_its_link(rig: Rig) -> None:
    """The same flow in other frames: MAC addresses, VLAN tags, options and flags do not count."""
    rig.count(bytes(ACK))
    again = to_api(4, tos=8, ttl=3, options=[]) / tcp(POOL.port, "FA", seq=7) / b"more"
    assert known(rig, bytes(Ether(src="02:00:00:00:00:c2", dst=GATEWAY_MAC) / again))


def test_flows_are_counted_for_their_backends(rig: Rig) -> None:
    expected = dict.fromkeys(rig.world.numbers(TCP4), 0)
    for number in range(40):
        frame = client(number)
        expected[chosen(rig, frame)] += 1
        rig.count(frame)
    assert rig.flows_of(TCP4) == list(expected.values())
    assert min(expected.values()) > 0
    assert rig.datapath.flows.per_backend().sum() == 40


def test_an_icmp_error_follows_the_flow_and_not_the_ring(rig: Rig) -> None:
    rig.count(bytes(ACK))
    backend = chosen(rig, bytes(ACK))
    rig.world.change(TCP4, backend, state=State.DRAIN)
    rig.place()
    assert chosen(rig, client(999)) != backend or chosen(rig, client(998)) != backend
    outcome = rig.trace(bytes(LINK / path_mtu_error()))
    assert (outcome.verdict.name, outcome.backend) == ("FORWARD_ICMP", backend)


# What a flow's packets look like on the way out, where the gateway chooses

ENTROPY = {
    "gue4": lambda frame: Ether(frame)[UDP].sport,
    "gue6": lambda frame: (Ether(frame)[IPv6].fl, Ether(frame)[UDP].sport),
    "ipip6": lambda frame: Ether(frame)[IPv6].fl,
}


@pytest.mark.parametrize("way", ENTROPY)
def test_flows_are_told_apart_on_the_way(rig: Rig, way: str) -> None:
    """One value for a flow and many for many: routers spread flows by it (RFC 6438, RFC 6935)."""
    read: Callable[[bytes], object] = ENTROPY[way]
    header = transport("tcp", WAYS[way].port)

    def value(source: int) -> object:
        frame = LINK / to_api(4, src=f"198.51.100.{source}") / header
        return read(rig.trace(bytes(frame)).frame)

    assert value(1) == value(1)
    assert len({value(n) for n in range(1, 101)}) > 80


# Rows of verdicts that need a world that has changed


def fail_all(rig: Rig) -> None:
    for number in rig.world.numbers(TCP4):
        rig.world.change(TCP4, number, state=State.DOWN)


def drain_all(rig: Rig) -> None:
    for number in rig.world.numbers(TCP4):
        rig.world.change(TCP4, number, state=State.DRAIN)


def lose_next_hop(rig: Rig) -> None:
    rig.world.change("ipip4-tcp4", rig.world.numbers("ipip4-tcp4")[0], next_hop=False)


def lose_source(rig: Rig) -> None:
    for way in ("ipip4", "l2dsr"):
        rig.world.change(f"{way}-tcp4", rig.world.numbers(f"{way}-tcp4")[0], source=False)


def lose_local(rig: Rig) -> None:
    rig.world.change("local-tcp4", rig.world.numbers("local-tcp4")[0], next_hop=False)


IPIP4, L2DSR, LOCAL = WAYS["ipip4"], WAYS["l2dsr"], WAYS["local"]
TO_IPIP4 = LINK / to_api(4) / tcp(IPIP4.port)

ROWS = [
    Row(
        name="all backends down",
        packet=ACK,
        verdict="NO_BACKEND",
        service=TCP4,
        backend=0,
        before=(ACK,),
        change=fail_all,
    ),
    Row(
        name="all backends draining, a new flow",
        packet=SYN,
        verdict="NO_BACKEND",
        service=TCP4,
        backend=0,
        change=drain_all,
    ),
    Row(
        name="a known flow whose next hop is lost",
        packet=TO_IPIP4,
        verdict="NO_NEXT_HOP",
        service="ipip4-tcp4",
        before=(TO_IPIP4,),
        change=lose_next_hop,
    ),
    Row(
        name="a new flow where no next hop is known",
        packet=TO_IPIP4,
        verdict="NO_BACKEND",
        service="ipip4-tcp4",
        backend=0,
        change=lose_next_hop,
    ),
    Row(
        name="a known flow that no outer header can be written for",
        packet=TO_IPIP4,
        verdict="NO_NEXT_HOP",
        service="ipip4-tcp4",
        before=(TO_IPIP4,),
        change=lose_source,
    ),
    Row(
        name="a new flow that no outer header can be written for",
        packet=TO_IPIP4,
        verdict="NO_BACKEND",
        service="ipip4-tcp4",
        backend=0,
        change=lose_source,
    ),
    Row(
        name="what needs no outer header needs no source of one",
        packet=LINK / to_api(4) / tcp(L2DSR.port),
        verdict="FORWARD_NEW",
        service="l2dsr-tcp4",
        out=leaves(L2DSR, to_api(4) / tcp(L2DSR.port)),
        change=lose_source,
    ),
    Row(
        name="local needs no next hop",
        packet=LINK / to_api(4) / tcp(LOCAL.port),
        verdict="FORWARD_NEW",
        service="local-tcp4",
        action="XDP_PASS",
        change=lose_local,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)
