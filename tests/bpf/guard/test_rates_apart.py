"""Token buckets: which packets share one."""

from __future__ import annotations

from scapy.all import ICMP, IP, TCP, ICMPv6PacketTooBig, IPv6

from accel.datapath.guard.actions import Level, Rule
from accel.model.guard import Rate
from tests.support.guard.guarding import IPIP4, TCP4, TCP6, UDP4, stance
from tests.support.guard.rates import UDP6, guard, limited, passing, ping, query
from tests.support.packets.packets import CLIENT_PORT, LINK, to_api, udp
from tests.support.packets.rig import Rig
from tests.support.packets.world import ANY4, API4, API6, CLIENT4, HOST4


def test_ipv4_and_ipv6_do_not_count_for_each_other(rig: Rig) -> None:
    """Whatever their bits: the one's first half is what the other's mapped address ends in."""
    rates = {"udp": Rate(per_second=1, burst=1)}
    guard(rig, {s: limited(Rule.UDP_RATE, **rates) for s in (UDP4, UDP6)})
    twin = "0:ffff:c633:6407::1"
    assert passing(rig, [query(), query(twin, 6), query(), query(twin, 6)], "UDP_RATE") == [0, 1]


def test_services_have_their_own(rig: Rig) -> None:
    rate = {"udp": Rate(per_second=1, burst=2)}
    services = (UDP4, "gue4-udp4")
    guard(rig, {service: limited(Rule.UDP_RATE, **rate) for service in services})
    other = bytes(LINK / to_api(4) / udp(445))
    assert passing(rig, [query()] * 4 + [other] * 4, "UDP_RATE") == [0, 1, 4, 5]


def test_addresses_have_their_own_for_icmp(rig: Rig) -> None:
    rate = {"icmp": Rate(per_second=1, burst=2)}
    guard(rig, {s: limited(Rule.ICMP_RATE, **rate) for s in (TCP4, "any-tcp4")})
    frames = [ping()] * 4 + [ping(destination=ANY4)] * 4
    assert passing(rig, frames, "ICMP_RATE") == [0, 1, 4, 5]


def test_udp_and_icmp_of_one_guard_do_not_count_for_each_other(rig: Rig) -> None:
    levels = {Rule.UDP_RATE: Level.ON, Rule.ICMP_RATE: Level.ON}
    rates = {"udp": Rate(per_second=1, burst=2), "icmp": Rate(per_second=1, burst=3)}
    guard(rig, {UDP4: stance(levels, **rates)})
    assert passing(rig, [query()] * 3, "UDP_RATE") == [0, 1]
    assert passing(rig, [ping()] * 4, "ICMP_RATE") == [0, 1, 2]


def test_icmp_goes_by_the_first_guarded_service_of_its_address(rig: Rig) -> None:
    rates = {"icmp": Rate(per_second=1, burst=1)}
    rig.guard({"gue4-tcp4": stance({Rule.ICMP_RATE: Level.ON}, **rates)})
    assert passing(rig, [ping()] * 3, "ICMP_RATE") == [0]
    rig.guard({TCP4: stance({Rule.FLAGS: Level.ON})})
    assert passing(rig, [ping()] * 3, "ICMP_RATE") == [0, 1, 2]
    rig.guard({TCP4: stance({})})
    assert passing(rig, [ping()] * 3, "ICMP_RATE") == []


def test_other_icmp_is_limited_too(rig: Rig) -> None:
    """Errors of whatever they quote, and what is left to the host."""
    rig.guard({TCP4: limited(Rule.ICMP_RATE, icmp=Rate(per_second=1, burst=2))})
    quote = IP(src=API4, dst=CLIENT4) / TCP(sport=IPIP4.port, dport=CLIENT_PORT)
    error = bytes(LINK / IP(src=CLIENT4, dst=API4) / ICMP(type=3, code=4, nexthopmtu=1400) / quote)
    timestamp = bytes(LINK / IP(src=CLIENT4, dst=API4) / ICMP(type=13))
    assert passing(rig, [error, timestamp, ping(), error], "ICMP_RATE") == [0, 1]
    rig.guard({TCP6: limited(Rule.ICMP_RATE, icmp=Rate(per_second=1, burst=1))})
    too_big = IPv6(src="2001:db8:c::7", dst=API6) / ICMPv6PacketTooBig()
    assert passing(rig, [bytes(LINK / too_big)] * 2, "ICMP_RATE") == [0]


def test_what_is_for_the_host_is_not_limited(rig: Rig) -> None:
    rig.guard({TCP4: limited(Rule.ICMP_RATE, icmp=Rate(per_second=1, burst=1))})
    assert passing(rig, [ping(destination=HOST4)] * 5, "ICMP_RATE") == [0, 1, 2, 3, 4]
