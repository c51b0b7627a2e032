"""The follower against a real kernel: neighbours that are found, change, or fall silent."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest

from accel.model.address import Address
from accel.model.placement import NextHop
from tests.support.wire.neighbours import (
    FAR,
    GATEWAY_MAC,
    NEAR,
    NEAR6,
    NEAR_MAC,
    NOBODY,
    Network,
    Run,
    Watched,
    raw,
)


@pytest.mark.parametrize("address", [NEAR, NEAR6], ids=["ipv4", "ipv6"])
def test_a_neighbour_is_looked_for_and_found(network: Network, run: Run, address: Address) -> None:
    async def body(watched: Watched) -> None:
        assert f"{address} does not answer" in watched.problem(address)
        watched.follower.follow({address})
        found = await watched.has_hop(address)
        assert found == NextHop(
            ifindex=socket.if_nametoindex("eth0"),
            interface="eth0",
            mac=raw(NEAR_MAC),
            source_mac=raw(GATEWAY_MAC),
            mtu=1500,
            source=ip_address("192.0.2.1" if address.version == 4 else "2001:db8::1"),
        )
        assert watched.told == [{address}]

    run(body)


def test_a_neighbour_that_appears_later_is_found(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NOBODY, NEAR})
        await watched.has_hop(NEAR)
        await asyncio.sleep(1)  # meanwhile it is asked for in vain
        assert "does not answer ARP" in watched.problem(NOBODY)
        network.ip(f"addr add {NOBODY}/24 dev eth0", at=network.near)
        await watched.has_hop(NOBODY, mac=raw(NEAR_MAC))
        assert watched.told == [{NEAR}, {NOBODY}]

    run(body)


def test_a_mac_address_changes(network: Network, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR, NEAR6})
        await watched.has_hop(NEAR)
        await watched.has_hop(NEAR6)
        network.ip(f"neigh replace {NEAR} lladdr 02:00:00:00:00:77 dev eth0 nud stale")
        await watched.has_hop(NEAR, mac=raw("02:00:00:00:00:77"))
        assert watched.told[-1] == {NEAR}
        # The kernel is told of the use, so it asks, and hears the truth.
        await watched.has_hop(NEAR, mac=raw(NEAR_MAC))

    network.gateway.sysctl(
        ipv4__neigh__eth0__delay_first_probe_time=1, ipv4__neigh__eth0__retrans_time_ms=50
    )
    monkeypatch.setattr("accel.nexthop.follower._FRESHEN", 0.5)
    run(body)


def test_a_lost_entry_is_found_again(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR)
        network.ip("link set eth0 address 02:00:00:00:00:55", at=network.near)
        network.ip("neigh flush all")
        await watched.has_hop(NEAR, mac=raw("02:00:00:00:00:55"))

    run(body)


def test_a_neighbour_that_falls_silent(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR, NEAR6})
        await watched.has_hop(NEAR)
        network.ip(f"neigh change {NEAR} dev eth0 nud failed")
        network.ip(f"addr del {NEAR}/24 dev eth0", at=network.near)
        await watched.until(lambda: watched.told[-1] == {NEAR} and bool(watched.problem(NEAR)))

    network.gateway.sysctl(ipv4__neigh__eth0__retrans_time_ms=50)
    run(body)


def test_an_address_of_this_host(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR)
        network.ip(f"addr add {NEAR}/32 dev lo")
        await watched.has_problem(NEAR, "is an address of this host: use mode local")

    run(body)


def test_following_others_forgets_the_first(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR)
        watched.follower.follow({FAR})
        network.ip(f"neigh replace {NEAR} lladdr 02:00:00:00:00:77 dev eth0 nud permanent")
        network.ip("route add 203.0.113.0/24 via 192.0.2.2")
        await watched.has_hop(FAR, mac=raw("02:00:00:00:00:77"))
        assert watched.told == [{NEAR}, {FAR}]

    run(body)


def test_a_neighbour_set_by_hand_is_left_alone(network: Network, run: Run) -> None:
    """Asking for one makes the kernel forget it."""
    by_hand = "02:00:00:00:00:77"
    network.ip(f"neigh replace {NEAR} lladdr {by_hand} dev eth0 nud permanent")

    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR, mac=raw(by_hand))
        watched.follower.follow({NEAR, NOBODY})
        await watched.has_problem(NOBODY, "does not answer")

    run(body)
    listed = network.gateway.run(["ip", "neigh", "show", str(NEAR)]).stdout
    assert "PERMANENT" in listed


def test_nothing_of_the_host_is_changed_but_neighbours(network: Network, run: Run) -> None:
    def tables() -> list[str]:
        lists = ("link show", "addr show", "route show table all", "-6 route show table all")
        return [network.gateway.run(["ip", *each.split()]).stdout for each in lists]

    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR, NEAR6, NOBODY})
        await watched.has_hop(NEAR)
        await watched.has_hop(NEAR6)

    before = tables()
    run(body)
    assert tables() == before
