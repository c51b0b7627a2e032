"""The follower against a real kernel: a gateway and its neighbours in namespaces of their own."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from accel.errors import HostError
from accel.lab.namespace import Namespace
from accel.model.address import Address
from accel.model.placement import NextHop
from accel.nexthop.follower import Follower
from accel.nexthop.mirror import Unresolved

PATIENCE = 20.0  # seconds until a test that waits for something fails
_numbers = itertools.count()

GATEWAY_MAC = "02:00:00:00:00:01"
NEAR_MAC = "02:00:00:00:00:02"
NEAR = ip_address("192.0.2.2")
NEAR6 = ip_address("2001:db8::2")
FAR = ip_address("203.0.113.9")
FAR6 = ip_address("2001:db8:ffff::9")
NOBODY = ip_address("192.0.2.99")


def raw(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


class Network:
    """A gateway's eth0 and eth1, and who is at the other ends: `near` and `other`."""

    def __init__(self) -> None:
        prefix = f"accel-{os.getpid()}.{next(_numbers)}-next"
        self.gateway, self.near, self.other = (
            Namespace(f"{prefix}-{name}") for name in ("gateway", "near", "other")
        )
        for i, peer in enumerate((self.near, self.other)):
            self.ip(
                f"link add eth{i} address 02:00:00:00:0{i}:01 type veth "
                f"peer name eth0 address 02:00:00:00:0{i}:02 netns {peer.name}",
                f"addr add 192.0.{2 + i}.1/24 dev eth{i}",
                f"addr add 2001:db8:{i or ''}::1/64 dev eth{i} nodad".replace(":::", "::"),
                f"link set eth{i} addrgenmode none up",
                f"addr add fe80::1/64 dev eth{i} nodad",
            )
            self.ip(
                f"addr add 192.0.{2 + i}.2/24 dev eth0",
                f"addr add 2001:db8:{i or ''}::2/64 dev eth0 nodad".replace(":::", "::"),
                "addr add fe80::2/64 dev eth0 nodad",
                "link set eth0 up",
                at=peer,
            )

    def ip(self, *commands: str, at: Namespace | None = None) -> None:
        """Run lines of `ip`, in the gateway unless told otherwise."""
        namespace = at or self.gateway
        done = namespace.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", check=False)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        for each in (self.gateway, self.near, self.other):
            each.remove()


class Watched:
    """A started follower, and what it told."""

    def __init__(self) -> None:
        self.told: list[set[Address]] = []
        self._event = asyncio.Event()
        self.follower = Follower(self._changed)

    def _changed(self, addresses: set[Address]) -> None:
        self.told.append(addresses)
        self._event.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to be told after which this is true."""

        async def wait() -> None:
            while not true():
                self._event.clear()
                await self._event.wait()

        await asyncio.wait_for(wait(), PATIENCE)

    def hop(self, address: Address) -> NextHop:
        answer = self.follower.resolve(address)
        assert isinstance(answer, NextHop), answer
        return answer

    def problem(self, address: Address) -> str:
        answer = self.follower.resolve(address)
        return answer.problem if isinstance(answer, Unresolved) else ""

    async def has_hop(self, address: Address, **fields: object) -> NextHop:
        """Wait for a next hop with these fields."""

        def fits() -> bool:
            answer = self.follower.resolve(address)
            return isinstance(answer, NextHop) and all(
                getattr(answer, name) == value for name, value in fields.items()
            )

        await self.until(fits)
        return self.hop(address)

    async def has_problem(self, address: Address, text: str) -> None:
        await self.until(lambda: text in self.problem(address))


Run = Callable[[Callable[[Watched], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def run(network: Network) -> Run:
    """Runs a test's coroutine with a follower in the gateway's namespace."""

    def in_gateway(body: Callable[[Watched], Coroutine[Any, Any, None]]) -> None:
        async def started() -> None:
            watched = Watched()
            await watched.follower.start()
            try:
                await body(watched)
            finally:
                await watched.follower.stop()

        with network.gateway.entered():
            asyncio.run(started())

    return in_gateway


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


def test_an_address_of_this_host(network: Network, run: Run) -> None:
    async def body(watched: Watched) -> None:
        watched.follower.follow({NEAR})
        await watched.has_hop(NEAR)
        network.ip(f"addr add {NEAR}/32 dev lo")
        await watched.has_problem(NEAR, "is an address of this host: use mode local")

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


def test_without_netlink_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    async def body() -> None:
        monkeypatch.setattr("accel.nexthop.socket.socket.socket", refuse)
        with pytest.raises(HostError, match="RestrictAddressFamilies"):
            await Follower(lambda _: None).start()

    asyncio.run(body())
