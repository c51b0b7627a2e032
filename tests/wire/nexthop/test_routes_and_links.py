"""The follower against a real kernel: routes, addresses and interfaces that come, change and go."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest

from accel.errors import HostError
from accel.nexthop.follower import Follower
from tests.support.wire.neighbours import FAR, FAR6, NEAR, NEAR_MAC, Network, Run, Watched, raw


def test_a_route_is_added_replaced_and_deleted(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({FAR, FAR6})
        assert "no route to 203.0.113.9" in watched.problem(FAR)
        network.ip(
            "route add 203.0.113.0/24 via 192.0.2.2 mtu 1300",
            "route add 2001:db8:ffff::/48 via 2001:db8::2",
        )
        await watched.has_hop(FAR, mac=raw(NEAR_MAC), mtu=1300, source=ip_address("192.0.2.1"))
        await watched.has_hop(FAR6, mac=raw(NEAR_MAC), source=ip_address("2001:db8::1"))
        network.ip("route replace 203.0.113.0/24 via 192.0.3.2 src 192.0.2.1")
        other = await watched.has_hop(FAR, interface="eth1", source=ip_address("192.0.2.1"))
        assert (other.mac, other.mtu) == (raw("02:00:00:00:01:02"), 1500)
        network.ip("route del 203.0.113.0/24")
        await watched.has_problem(FAR, "no route to 203.0.113.9")
        network.ip("route add blackhole 203.0.113.0/24")
        await watched.has_problem(FAR, "blackhole")
        assert watched.hop(FAR6).interface == "eth0"

    run(body)


def test_a_default_route_by_an_ipv6_router(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({FAR, FAR6})
        for line in ("-4 route add default via inet6 fe80::2", "-6 route add default via fe80::2"):
            network.gateway.run(["ip", *line.split(), "dev", "eth0"])
        await watched.has_hop(FAR, mac=raw(NEAR_MAC), source=ip_address("192.0.2.1"))
        await watched.has_hop(FAR6, mac=raw(NEAR_MAC), source=ip_address("2001:db8::1"))

    run(body)


@pytest.mark.parametrize("how", ["multipath", "nexthop group"])
def test_of_many_legs_one_that_is_up(network: Network, run: Run, how: str) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({FAR})
        if how == "multipath":
            network.ip("route add 203.0.113.0/24 nexthop via 192.0.3.2 nexthop via 192.0.2.2")
        else:
            network.ip(
                "nexthop add id 1 via 192.0.3.2 dev eth1",
                "nexthop add id 2 via 192.0.2.2 dev eth0",
                "nexthop add id 9 group 1/2",
                "route add 203.0.113.0/24 nhid 9",
            )
        await watched.has_hop(FAR, interface="eth1")
        network.ip("link set eth1 down")
        await watched.has_hop(FAR, interface="eth0")

    run(body)


def test_an_interface_goes_down_and_up(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR, FAR})
        network.ip(
            "route add 203.0.113.0/24 via 192.0.2.2",
            "route add default via 192.0.3.2",
        )
        await watched.has_hop(NEAR, interface="eth0")
        await watched.has_hop(FAR, interface="eth0")
        network.ip("link set eth0 down")  # its IPv4 routes go without a word
        await watched.has_hop(FAR, interface="eth1")
        network.ip("link set eth0 up", "route add 203.0.113.0/24 via 192.0.2.2")
        await watched.has_hop(FAR, interface="eth0")
        await watched.has_hop(NEAR, interface="eth0")

    run(body)


def test_the_other_end_of_the_wire_goes(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR)
        network.ip("link set eth0 down", at=network.near)
        await watched.has_problem(NEAR, "eth0 is down or has no carrier")
        network.ip("link set eth0 up", at=network.near)
        await watched.has_hop(NEAR)

    run(body)


def test_an_interface_is_deleted_and_made_anew(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        before = await watched.has_hop(NEAR)
        network.ip("link del eth0")
        await watched.has_problem(NEAR, "no route")
        network.ip(
            f"link add eth0 type veth peer name eth0 address {NEAR_MAC} netns {network.near.name}",
            "addr add 192.0.2.1/24 dev eth0",
            "link set eth0 mtu 1400 up",
        )
        network.ip(f"addr add {NEAR}/24 dev eth0", "link set eth0 up", at=network.near)
        after = await watched.has_hop(NEAR, mtu=1400)
        assert after.ifindex != before.ifindex

    run(body)


def test_a_vlan_device(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        address = ip_address("198.51.100.2")
        watched.follower.follow({address})
        found = await watched.has_hop(address, vlan=7)
        assert (found.interface, found.mtu) == ("eth0", 1400)
        assert found.ifindex == socket.if_nametoindex("eth0")

    for i, at in enumerate((network.gateway, network.near)):
        add = "ip link add link eth0 name eth0.7 type vlan id 7"
        made = at.run(add.split(), check=False)
        if made.returncode:
            pytest.skip(f"no VLAN devices in this kernel: {made.stderr.strip()}")
        network.ip(
            f"addr add 198.51.100.{i + 1}/24 dev eth0.7", "link set eth0.7 mtu 1400 up", at=at
        )
    run(body)


def test_many_backends_are_told_of_together(network: Network, run: Run) -> None:
    many = {ip_address(f"192.0.3.{i}") for i in range(10, 110)}
    network.ip(*(f"addr add {a}/24 dev eth0" for a in many), at=network.other)

    async def body(watched: Watched) -> None:
        behind = {ip_address(f"203.0.{i}.{j}") for i in range(20) for j in range(250)}
        watched.follower.follow(many | behind)
        await watched.until(lambda: not any(map(watched.problem, many)))
        network.ip("route add 203.0.0.0/16 via 192.0.2.2")
        await watched.until(lambda: not any(map(watched.problem, behind)))
        watched.told.clear()
        # The new router is not known yet: nobody is told before it is.
        network.ip("route replace 203.0.0.0/16 via 192.0.3.2")
        await watched.has_hop(next(iter(behind)), interface="eth1")
        assert watched.told == [behind]

    run(body)


def test_events_that_do_not_fit_the_buffer(
    network: Network, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(watched: Watched) -> None:
        gone = ip_address("192.0.2.200")
        watched.follower.follow({FAR, gone, NEAR})
        network.ip(f"neigh replace {gone} lladdr {NEAR_MAC} dev eth0")
        await watched.has_hop(gone)
        # All of this in one go, while the event loop waits.
        network.ip(
            *(f"route add 198.18.{i}.0/24 via 192.0.3.2" for i in range(250)),
            *(f"neigh replace 192.0.3.{i} lladdr {NEAR_MAC} dev eth1" for i in range(2, 250)),
            f"neigh del {gone} dev eth0",
            "route add 203.0.113.0/24 via 192.0.2.2",
        )
        await watched.has_hop(FAR, mac=raw(NEAR_MAC))
        await watched.has_problem(gone, "does not answer")
        assert watched.hop(ip_address("198.18.249.1")).interface == "eth1"
        assert not watched.problem(ip_address("192.0.3.249"))

    monkeypatch.setattr("accel.nexthop.socket._RECEIVE_BUFFER", 4096)
    run(body)
    assert "more events than fit the buffer" in caplog.text


def test_without_netlink_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    async def body() -> None:
        monkeypatch.setattr("accel.nexthop.socket.socket.socket", refuse)
        with pytest.raises(HostError, match="RestrictAddressFamilies"):
            await Follower(lambda _: None).start()

    asyncio.run(body())
