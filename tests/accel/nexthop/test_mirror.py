"""Next hops from given tables: every step that can succeed or fail, and the longest match."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.model.placement import NextHop
from accel.nexthop.mirror import Mirror, Unresolved
from accel.nexthop.tables import Leg, Link, LinkAddress, Network, Route, RouteType, Table

ETH = Link(index=2, name="eth0", mac=b"\2\0\0\0\0\2", mtu=1500)
OTHER = Link(index=3, name="eth1", mac=b"\2\0\0\0\0\3", mtu=9000)
VLAN = Link(index=4, name="eth0.7", mac=b"\2\0\0\0\0\4", mtu=1400, vlan=7, parent=2)
ROUTER_MAC = b"\2\0\0\0\0\xaa"
BACKEND_MAC = b"\2\0\0\0\0\xbb"

ROUTER = ip_address("192.0.2.254")
ROUTER6 = ip_address("fe80::254")
NEAR = ip_address("192.0.2.10")
FAR = ip_address("203.0.113.9")
FAR6 = ip_address("2001:db8:ffff::9")


def on(link: int, interface: str) -> LinkAddress:
    return LinkAddress(link=link, interface=ip_interface(interface))


def route(destination: str, link: int = 2, via: str = "", **other: object) -> Route:
    leg = Leg(link=link, gateway=ip_address(via) if via else None)
    return Route(destination=ip_network(destination), legs=(leg,), **other)  # type: ignore[arg-type]


NEAR_ROUTE = route("192.0.2.0/24")
DEFAULT = route("0.0.0.0/0", via=str(ROUTER))
DEFAULT6 = route("::/0", via=str(ROUTER6))
SOURCE = on(2, "192.0.2.1/24")
SOURCE6 = on(2, "2001:db8::1/64")


def mirror(
    *routes: Route,
    links: tuple[Link, ...] = (ETH, OTHER, VLAN),
    addresses: tuple[LinkAddress, ...] = (SOURCE, SOURCE6),
) -> Mirror:
    made = Mirror()
    made.replace(links, addresses, routes or (NEAR_ROUTE, DEFAULT, DEFAULT6))
    made.put_neighbour((2, ROUTER), ROUTER_MAC)
    made.put_neighbour((2, ROUTER6), ROUTER_MAC)
    made.put_neighbour((2, NEAR), BACKEND_MAC)
    return made


def hop(made: Mirror, address: IPv4Address | IPv6Address) -> NextHop:
    answer = made.resolve(address)
    assert isinstance(answer, NextHop), answer
    return answer


def problem(made: Mirror, address: IPv4Address | IPv6Address) -> Unresolved:
    answer = made.resolve(address)
    assert isinstance(answer, Unresolved), answer
    return answer


def test_on_the_same_network() -> None:
    assert mirror().resolve(NEAR) == NextHop(
        ifindex=2,
        interface="eth0",
        mac=BACKEND_MAC,
        source_mac=ETH.mac,
        mtu=1500,
        source=ip_address("192.0.2.1"),
    )


def test_behind_a_router() -> None:
    assert hop(mirror(), FAR).mac == ROUTER_MAC
    answer = hop(mirror(), FAR6)
    assert (answer.mac, answer.source) == (ROUTER_MAC, ip_address("2001:db8::1"))


def test_an_ipv4_route_by_an_ipv6_router_keeps_an_ipv4_source() -> None:
    answer = hop(mirror(route("0.0.0.0/0", via=str(ROUTER6))), FAR)
    assert (answer.mac, answer.source) == (ROUTER_MAC, ip_address("192.0.2.1"))


def test_a_vlan_device_is_its_parent_and_a_tag() -> None:
    made = mirror(route("0.0.0.0/0", link=4, via="198.51.100.254"))
    assert problem(made, FAR).probe == (4, ip_address("198.51.100.254"))
    made.put_neighbour((4, ip_address("198.51.100.254")), ROUTER_MAC)
    answer = hop(made, FAR)
    assert (answer.ifindex, answer.interface, answer.vlan) == (2, "eth0", 7)
    assert (answer.source_mac, answer.mtu) == (VLAN.mac, 1400)


@pytest.mark.parametrize(
    ("links", "text"),
    [
        ((replace(VLAN, parent=0), ETH), "parent interface of eth0.7 is not in this network"),
        ((replace(VLAN, vlan_protocol=0x88A8), ETH), "only one 802.1Q tag"),
        ((VLAN, replace(ETH, vlan=3, parent=3), OTHER), "only one 802.1Q tag"),
        ((VLAN, replace(ETH, up=False)), "eth0 is down or has no carrier"),
        ((replace(VLAN, up=False), ETH), "ip link set eth0.7 up"),
        ((replace(VLAN, vlan=0, ethernet=False),), "no Ethernet"),
        ((ETH,), "interface of the route 203.0.113.0/24 is gone"),
    ],
)
def test_links_that_no_frame_can_leave_by(links: tuple[Link, ...], text: str) -> None:
    made = mirror(route("203.0.113.0/24", link=4, via="198.51.100.254"), links=links)
    made.put_neighbour((4, ip_address("198.51.100.254")), ROUTER_MAC)
    answer = problem(made, FAR)
    assert text in answer.problem
    assert answer.probe is None


@pytest.mark.parametrize(
    ("kind", "table", "text"),
    [
        (RouteType.LOCAL, Table.LOCAL, "is an address of this host: use mode local"),
        (RouteType.BROADCAST, Table.LOCAL, "broadcast"),
        (RouteType.BLACKHOLE, Table.MAIN, "blackhole"),
        (RouteType.UNREACHABLE, Table.MAIN, "unreachable"),
        (RouteType.PROHIBIT, Table.MAIN, "prohibit"),
        (RouteType.THROW, Table.MAIN, "throw"),
    ],
)
def test_routes_that_lead_nowhere(kind: RouteType, table: Table, text: str) -> None:
    made = mirror(DEFAULT, replace(route("203.0.113.9/32"), type=kind, table=table))
    answer = problem(made, FAR)
    assert text in answer.problem
    assert str(FAR) in answer.problem
    assert answer.probe is None
    assert isinstance(made.resolve(ip_address("203.0.113.10")), NextHop)


def test_the_local_table_comes_first() -> None:
    made = mirror(
        NEAR_ROUTE,
        route("192.0.2.10/32"),
        route("192.0.2.0/24", table=Table.LOCAL, type=RouteType.LOCAL),
    )
    assert "mode local" in problem(made, NEAR).problem


def test_no_route() -> None:
    answer = problem(mirror(NEAR_ROUTE), FAR)
    assert "no route to 203.0.113.9" in answer.problem
    assert "ip route add" in answer.problem


def test_an_encapsulating_route_is_refused() -> None:
    leg = Leg(link=2, gateway=ROUTER, tunnel=True)
    assert "encap" in problem(mirror(replace(DEFAULT, legs=(leg,))), FAR).problem


def test_a_neighbour_that_is_not_known_can_be_probed() -> None:
    made = mirror()
    stranger = ip_address("192.0.2.77")
    answer = problem(made, stranger)
    assert answer.probe == (2, stranger)
    assert "192.0.2.77 does not answer ARP on eth0" in answer.problem
    assert made.put_neighbour((2, stranger), BACKEND_MAC)
    assert hop(made, stranger).mac == BACKEND_MAC
    assert not made.put_neighbour((2, stranger), BACKEND_MAC)
    assert made.put_neighbour((2, stranger), None)
    assert problem(made, stranger) == answer


def test_the_least_metric_counts_and_the_first_of_equal_ones() -> None:
    worse = route("0.0.0.0/0", link=3, via="198.51.100.1", metric=200)
    better = route("0.0.0.0/0", via=str(ROUTER), metric=100)
    equal = route("0.0.0.0/0", link=3, via="198.51.100.2", metric=100)
    assert hop(mirror(worse, better, equal), FAR).mac == ROUTER_MAC


def test_a_route_of_dead_legs_gives_way() -> None:
    dead = replace(DEFAULT, legs=(), metric=10)
    backup = route("0.0.0.0/0", via=str(ROUTER), metric=20)
    assert hop(mirror(dead, backup), FAR).mac == ROUTER_MAC
    shorter = mirror(replace(dead, destination=ip_network("203.0.113.0/24")), DEFAULT)
    assert hop(shorter, FAR).mac == ROUTER_MAC


def test_of_many_legs_the_first_usable_one_counts() -> None:
    legs = (Leg(link=3, gateway=ip_address("198.51.100.1")), Leg(link=2, gateway=ROUTER))
    many = replace(DEFAULT, legs=legs)
    assert problem(mirror(many), FAR).probe == (3, legs[0].gateway)
    assert hop(mirror(many, links=(ETH, replace(OTHER, up=False))), FAR).mac == ROUTER_MAC
    none = mirror(many, links=(replace(ETH, up=False), replace(OTHER, up=False)))
    assert "eth1 is down" in problem(none, FAR).problem


def test_the_mtu_is_the_least_of_route_and_link() -> None:
    assert hop(mirror(replace(DEFAULT, mtu=1300)), FAR).mtu == 1300
    assert hop(mirror(replace(DEFAULT, mtu=9000)), FAR).mtu == 1500
    assert hop(mirror(DEFAULT, links=(replace(ETH, mtu=1280),)), FAR).mtu == 1280


def test_the_source_address() -> None:
    preferred = replace(DEFAULT, source=ip_address("198.51.100.5"))
    assert hop(mirror(preferred), FAR).source == ip_address("198.51.100.5")
    first, own, elsewhere = on(2, "10.0.0.1/8"), on(2, "192.0.2.3/24"), on(3, "172.16.0.1/16")
    by_network = mirror(DEFAULT, addresses=(elsewhere, first, own))
    assert hop(by_network, FAR).source == own.interface.ip
    by_link = mirror(DEFAULT, addresses=(elsewhere, first))
    assert hop(by_link, FAR).source == first.interface.ip
    assert hop(mirror(DEFAULT, addresses=(elsewhere,)), FAR).source == elsewhere.interface.ip
    assert hop(mirror(DEFAULT, addresses=(SOURCE6,)), FAR).source is None


def test_replacing_the_tables_forgets_what_followed_from_them() -> None:
    made = mirror()
    before = hop(made, FAR)
    assert made.replace((replace(ETH, mtu=1400),), (SOURCE,), (DEFAULT,))
    assert not made.replace((replace(ETH, mtu=1400),), (SOURCE,), (replace(DEFAULT),))
    assert hop(made, FAR) == replace(before, mtu=1400)
    assert "no route" in problem(made, FAR6).problem
    made.replace((OTHER,), (), ())
    assert made.neighbours() == set()


addresses = st.one_of(
    st.builds(IPv4Address, st.integers(0x0A000000, 0x0A0000FF)),
    st.builds(IPv6Address, st.integers(0, 255).map(lambda n: (0x20010DB8 << 96) + n)),
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    address = draw(addresses)
    length = draw(st.sampled_from([0, 1, 8, 24, 27, 30, 31, 32]))
    return ip_network((address, length + (96 if address.version == 6 and length else 0)), False)


@given(
    st.lists(st.tuples(networks(), st.integers(0, 3), st.booleans()), max_size=12),
    st.lists(addresses, min_size=1, max_size=8),
)
def test_the_longest_match_equals_a_search_of_all(
    entries: list[tuple[Network, int, bool]], asked: list[IPv4Address | IPv6Address]
) -> None:
    """Each route is told by the gateway that it has."""
    routes = []
    for i, (destination, metric, dead) in enumerate(entries):
        legs = () if dead else (Leg(link=2, gateway=IPv4Address(i)),)
        routes.append(Route(destination=destination, metric=metric, legs=legs))
    made = Mirror()
    made.replace((ETH,), (), routes)
    for address in asked:
        matching = [r for r in routes if r.legs and address in r.destination]
        best = min(matching, key=lambda r: (-r.destination.prefixlen, r.metric), default=None)
        expected = (2, best.legs[0].gateway) if best else None
        assert problem(made, address).probe == expected


def test_many_addresses_behind_one_router_share_one_answer() -> None:
    made = mirror()
    first = hop(made, FAR)
    asked = [IPv4Address(0x0B000000 + i) for i in range(100_000)]
    started = time.perf_counter()
    assert all(made.resolve(address) is first for address in asked)
    print(f"100,000 addresses behind one router: {time.perf_counter() - started:.3f} s")
