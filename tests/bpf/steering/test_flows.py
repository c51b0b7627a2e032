"""How flows behave: what is stored, what stays, what moves, what dies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scapy.all import ICMP, IP, TCP, UDP, Ether, IPv6, Packet

from accel.datapath.layout import CONSTANTS
from accel.model.backend import State
from tests.support.packets.packets import CLIENT_PORT, LINK, leaves, tcp, to_api, transport, udp
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import API4, CLIENT4, GATEWAY_MAC, GENERATION, WAYS

POOL = WAYS["pool"]
TCP4, UDP4, TCP6 = "pool-tcp4", "pool-udp4", "pool-tcp6"
SYN, ACK = LINK / to_api(4) / tcp(POOL.port, "S"), LINK / to_api(4) / tcp(POOL.port)
LIFETIME, WAYS_OF_BUCKET = CONSTANTS["LIFETIME"], CONSTANTS["WAYS"]


def client(number: int, flags: str = "A") -> bytes:
    """A packet of one of many flows."""
    header = to_api(4, src=f"198.51.{100 + number // 250}.{1 + number % 250}")
    return bytes(LINK / header / tcp(POOL.port, flags))


def chosen(rig: Rig, frame: bytes) -> int:
    """The backend that a packet would go to now."""
    return rig.trace(frame).backend


def known(rig: Rig, frame: bytes) -> bool:
    return rig.trace(frame).known_flow


def stored(rig: Rig) -> int:
    return int(np.count_nonzero(rig.flow_words))


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


def spread(rig: Rig, service: str = TCP4) -> dict[int, int]:
    """Forty flows, known; the backend of each."""
    for number in range(40):
        rig.count(client(number))
    return {number: chosen(rig, client(number)) for number in range(40)}


def test_flows_stay_when_a_backend_is_taken_away_from_the_others(rig: Rig) -> None:
    before = spread(rig)
    gone = rig.world.numbers(TCP4)[1]
    rig.world.remove_backend(TCP4, gone)
    rig.place()
    for number, backend in before.items():
        outcome = rig.trace(client(number))
        assert outcome.known_flow == (backend != gone)
        assert (outcome.backend == backend) == (backend != gone)
        assert outcome.backend in rig.world.numbers(TCP4)


def test_flows_stay_when_a_backend_comes(rig: Rig) -> None:
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, rig.world.numbers(TCP4)[1])
    rig.place()
    before = spread(rig)
    rig.world.services[TCP4] = full
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before
    fresh = {chosen(rig, client(n)) for n in range(40, 120)}
    assert fresh == set(rig.world.numbers(TCP4))


def test_drain_keeps_its_flows_and_gets_no_new_ones(rig: Rig) -> None:
    before = spread(rig)
    drained = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, drained, state=State.DRAIN)
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before
    assert all(chosen(rig, client(n)) != drained for n in range(40, 200))
    assert rig.datapath.flows.per_backend()[drained] == list(before.values()).count(drained)


def test_a_syn_on_a_drained_flow_goes_elsewhere(rig: Rig) -> None:
    """The client uses its port again: a new connection, which a draining backend must not get."""
    before = spread(rig)
    drained = rig.world.numbers(TCP4)[0]
    number = next(n for n, backend in before.items() if backend == drained)
    rig.world.change(TCP4, drained, state=State.DRAIN)
    rig.place()
    assert chosen(rig, client(number, "S")) != drained
    rig.count(client(number, "S"))
    assert chosen(rig, client(number)) != drained, "its next packets go where its SYN went"


def test_down_moves_its_flows(rig: Rig) -> None:
    before = spread(rig)
    down = rig.world.numbers(TCP4)[2]
    rig.world.change(TCP4, down, state=State.DOWN)
    rig.place()
    for number, backend in before.items():
        now = chosen(rig, client(number))
        assert now == backend if backend != down else now != down
    assert rig.datapath.flows.per_backend()[down] == 0
    for number in before:
        rig.count(client(number))
    assert rig.datapath.flows.per_backend().sum() == 40, (
        "moved flows take the place of their old words"
    )
    rig.world.change(TCP4, down, state=State.UP)
    rig.place()
    for number in before:
        assert known(rig, client(number))
        assert chosen(rig, client(number)) != down, "moved once, they stay where they are"


def test_a_number_that_is_given_out_again_revives_no_flow(rig: Rig) -> None:
    before = spread(rig)
    reused = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, reused, generation=GENERATION + 1)
    rig.place()
    assert rig.datapath.flows.per_backend()[reused] == 0
    for number, backend in before.items():
        assert known(rig, client(number)) == (backend != reused)


def test_nor_when_all_its_generations_were_used_up(rig: Rig) -> None:
    reused = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, reused, generation=0)
    rig.place()
    before = spread(rig)
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, reused)
    rig.place()
    rig.world.services[TCP4] = full
    rig.place()
    for number, backend in before.items():
        assert known(rig, client(number)) == (backend != reused)


def test_a_change_between_a_syn_and_its_ack_does_not_part_them(rig: Rig) -> None:
    number = rig.world.numbers(TCP4)[0]
    full = rig.world.services[TCP4]
    by_full = {n: chosen(rig, client(n, "S")) for n in range(60)}
    rig.world.remove_backend(TCP4, number)
    rig.place_now()
    by_less = {n: chosen(rig, client(n, "S")) for n in by_full}
    for n, backend in by_full.items():
        # The one that is gone can keep nothing; the others keep the handshakes they have.
        assert chosen(rig, client(n)) == (by_less[n] if backend == number else backend)
    rig.forget_former_rings()
    rig.world.services[TCP4] = full
    rig.place_now()
    assert {n: chosen(rig, client(n)) for n in by_full} == by_less
    assert {n: chosen(rig, client(n, "S")) for n in by_full} == by_full
    rig.count(client(0))  # its SYN was before the change
    moved = [n for n in by_full if by_less[n] != by_full[n]]
    for n in moved[1:]:
        rig.count(client(n, "S"))
        assert known(rig, client(n)), "a SYN that the former ring would send elsewhere is stored"
        assert chosen(rig, client(n)) == by_full[n]
    rig.forget_former_rings()
    assert chosen(rig, client(0)) == by_less[0], "stored by its ACK"
    assert chosen(rig, client(moved[0])) == by_full[moved[0]]


def test_a_datagram_goes_by_the_new_ring_at_once(rig: Rig) -> None:
    frames = [bytes(LINK / to_api(4, src=f"198.51.100.{n}") / udp(POOL.port)) for n in range(1, 60)]
    number = rig.world.numbers(UDP4)[0]
    full = rig.world.services[UDP4]
    by_full = [chosen(rig, frame) for frame in frames]
    rig.world.remove_backend(UDP4, number)
    rig.place()
    rig.world.services[UDP4] = full
    rig.place_now()
    assert [chosen(rig, frame) for frame in frames] == by_full


def test_a_backend_taken_away_and_put_back_keeps_what_is_left_of_its_flows(rig: Rig) -> None:
    before = spread(rig)
    number = rig.world.numbers(TCP4)[0]
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, number)
    rig.place()
    assert not any(chosen(rig, client(n)) == number for n in before)
    rig.world.services[TCP4] = full
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before


def test_idle_flows_die_after_their_lifetime(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME)
    assert known(rig, bytes(ACK))
    assert rig.datapath.flows.per_backend().sum() == 1
    rig.next_epoch()
    assert not known(rig, bytes(ACK))
    assert rig.datapath.flows.per_backend().sum() == 0
    assert stored(rig) == 0, "swept"


def test_idle_flows_are_dead_before_they_are_swept_away(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.settings.view(np.uint32)[0] += LIFETIME
    assert known(rig, bytes(ACK))
    rig.settings.view(np.uint32)[0] += 1
    assert not known(rig, bytes(ACK))


def test_flows_in_use_do_not_die(rig: Rig) -> None:
    for _ in range(3):
        rig.count(bytes(ACK))
        rig.next_epoch(LIFETIME)
    assert known(rig, bytes(ACK))


def test_an_icmp_error_and_a_trace_do_not_keep_a_flow_alive(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME)
    rig.trace(bytes(ACK))
    rig.count(bytes(LINK / path_mtu_error()))
    rig.next_epoch()
    assert not known(rig, bytes(ACK))


def test_a_dead_flow_never_looks_young_again(rig: Rig) -> None:
    """Ages are counted modulo AGES: the sweep has to come before they turn over."""
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME + 1)
    for _ in range(2 * CONSTANTS["AGES"]):
        assert not known(rig, bytes(ACK))
        rig.next_epoch()


def bucketful(rig: Rig) -> list[bytes]:
    """Flows of one bucket, one more than it has room for: found by where their words appear."""
    by_bucket: dict[int, list[bytes]] = {}
    for number in range(1000):
        frame = client(number)
        rig.flow_words[:] = 0
        rig.count(frame)
        bucket = int(np.flatnonzero(rig.flow_words)[0]) // WAYS_OF_BUCKET
        frames = by_bucket.setdefault(bucket, [])
        frames.append(frame)
        if len(frames) > WAYS_OF_BUCKET:
            rig.flow_words[:] = 0
            return frames
    raise AssertionError("a thousand flows and no full bucket")


def test_a_full_bucket_loses_its_oldest_flow(rig: Rig) -> None:
    *frames, last = bucketful(rig)
    oldest = frames[3]
    rig.count(oldest)
    rig.next_epoch()
    for frame in frames:
        if frame is not oldest:
            rig.count(frame)
    rig.count(last)
    assert not known(rig, oldest)
    assert all(known(rig, frame) for frame in (*frames, last) if frame is not oldest)


def test_a_full_bucket_keeps_what_is_in_use(rig: Rig) -> None:
    """The oldest is the one that was idle for longest, not the one that was stored first."""
    *frames, last = bucketful(rig)
    for frame in frames:
        rig.count(frame)
    rig.next_epoch()
    for frame in frames[:-1]:
        rig.count(frame)
    rig.count(last)
    assert [known(rig, frame) for frame in frames] == [True] * (WAYS_OF_BUCKET - 1) + [False]


def path_mtu_error() -> Packet:
    """About the flow of ACK."""
    quote = IP(src=API4, dst=CLIENT4) / TCP(sport=POOL.port, dport=CLIENT_PORT)
    return IP(src="203.0.113.1", dst=API4) / ICMP(type=3, code=4, nexthopmtu=1400) / quote


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


def test_a_flood_of_packets_that_come_once_leaves_live_flows_alone(rig: Rig) -> None:
    live = [client(number) for number in range(12)]
    for frame in live * 2:
        rig.count(frame)
    for number in range(12, 3012):
        rig.count(client(number))
    assert all(known(rig, frame) for frame in live)
    assert stored(rig) == len(rig.flow_words), "the flood filled what was free"
