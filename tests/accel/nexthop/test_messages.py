"""Netlink messages, encoded by pyroute2, as the values that next hops are made of."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from accel.nexthop import messages
from accel.nexthop.tables import Leg, Link, LinkAddress, Route, RouteType, Table

UP_AND_RUNNING = 0x41


def message(cls: type[Any], kind: int, attributes: dict[str, Any], **fields: int) -> Any:
    made = cls()
    made["header"] = {"type": kind, "flags": 0, "sequence_number": 7, "pid": 0}
    made["attrs"] = [list(item) for item in attributes.items()]
    for name, value in fields.items():
        made[name] = value
    made.encode()
    (split,) = messages.split(bytes(made.data))
    assert (split.kind, split.sequence) == (kind, 7)
    return split


def link(attributes: dict[str, Any], **fields: int) -> Link:
    known = {"IFLA_IFNAME": "eth0.7", "IFLA_MTU": 1400, "IFLA_ADDRESS": "02:00:00:00:00:07"}
    fields = {"index": 9, "ifi_type": 1, "flags": UP_AND_RUNNING} | fields
    return messages.read_link(message(ifinfmsg, 16, known | attributes, **fields))


def vlan(**data: int) -> dict[str, Any]:
    tags = {"IFLA_VLAN_ID": 7, "IFLA_VLAN_PROTOCOL": 0x8100} | data
    info = [["IFLA_INFO_KIND", "vlan"], ["IFLA_INFO_DATA", {"attrs": list(tags.items())}]]
    return {"IFLA_LINK": 2, "IFLA_LINKINFO": {"attrs": info}}


def test_a_vlan_device() -> None:
    expected = Link(index=9, name="eth0.7", mac=b"\2\0\0\0\0\7", mtu=1400, vlan=7, parent=2)
    assert link(vlan()) == expected
    assert link(vlan(IFLA_VLAN_PROTOCOL=0x88A8)).vlan_protocol == 0x88A8
    assert link(vlan() | {"IFLA_LINK_NETNSID": 0}).parent == 0


@pytest.mark.parametrize(
    ("flags", "up"), [(UP_AND_RUNNING, True), (0x01, False), (0x40, False), (0, False)]
)
def test_a_link_is_up_with_a_carrier(flags: int, up: bool) -> None:
    assert link({}, flags=flags).up is up


def test_a_link_without_ethernet() -> None:
    assert link({}).ethernet
    assert not link({}, ifi_type=65534).ethernet


@pytest.mark.parametrize(
    ("flags", "scope", "usable"),
    [
        (0x80, 0, True),
        (0x81, 0, False),  # secondary, temporary
        (0x88, 0, False),  # failed duplicate address detection
        (0xA0, 0, False),  # deprecated
        (0xC0, 0, False),  # tentative
        (0x80, 253, False),  # link
        (0x80, 254, False),  # host
    ],
)
def test_addresses_to_send_from(flags: int, scope: int, usable: bool) -> None:
    attributes = {"IFA_ADDRESS": "2001:db8::1", "IFA_FLAGS": flags}
    fields = {"family": socket.AF_INET6, "prefixlen": 64, "scope": scope, "index": 3}
    read = messages.read_address(message(ifaddrmsg, 20, attributes, **fields))
    expected = LinkAddress(link=3, interface=ip_interface("2001:db8::1/64"))
    assert read == (expected if usable else None)


def route(attributes: dict[str, Any], **fields: int) -> Route | None:
    known = {"family": socket.AF_INET, "dst_len": 24, "table": 254, "type": 1} | fields
    return messages.read_route(message(rtmsg, 24, attributes, **known))


def test_a_route() -> None:
    attributes = {
        "RTA_DST": "203.0.113.0",
        "RTA_GATEWAY": "192.0.2.254",
        "RTA_OIF": 2,
        "RTA_PRIORITY": 100,
        "RTA_PREFSRC": "192.0.2.1",
        "RTA_METRICS": {"attrs": [["RTAX_MTU", 1300]]},
    }
    assert route(attributes) == Route(
        destination=ip_network("203.0.113.0/24"),
        legs=(Leg(link=2, gateway=ip_address("192.0.2.254")),),
        metric=100,
        source=ip_address("192.0.2.1"),
        mtu=1300,
    )


def test_default_routes_have_no_destination() -> None:
    ipv4 = route({"RTA_OIF": 2}, dst_len=0)
    ipv6 = route({"RTA_OIF": 2}, dst_len=0, family=socket.AF_INET6)
    assert ipv4 is not None
    assert ipv6 is not None
    assert (str(ipv4.destination), str(ipv6.destination)) == ("0.0.0.0/0", "::/0")


def test_legs() -> None:
    hops = [
        {"oif": 2, "flags": 1, "attrs": [["RTA_GATEWAY", "192.0.2.1"]]},  # dead
        {"oif": 3, "flags": 0, "attrs": [["RTA_GATEWAY", "192.0.2.2"]]},
    ]
    read = route({"RTA_DST": "203.0.113.0", "RTA_MULTIPATH": hops})
    assert read is not None
    assert read.legs == (Leg(link=3, gateway=ip_address("192.0.2.2")),)
    dead = route({"RTA_DST": "203.0.113.0", "RTA_OIF": 2}, flags=1)
    assert dead is not None
    assert dead.legs == ()


def test_a_local_route() -> None:
    read = route({"RTA_DST": "192.0.2.1", "RTA_OIF": 1}, table=255, type=2, dst_len=32)
    assert read is not None
    assert (read.table, read.type) == (Table.LOCAL, RouteType.LOCAL)


@pytest.mark.parametrize(
    "fields",
    [
        {"table": 253},
        {"family": socket.AF_AX25},
        {"type": 11},
        {"flags": 0x200},
        {"tos": 8},
        {"src_len": 64},
    ],
    ids=["table", "family", "type", "cloned", "tos", "source"],
)
def test_routes_that_are_not_looked_at(fields: dict[str, int]) -> None:
    assert route({"RTA_OIF": 2}, **fields) is None


def neighbour(kind: int, state: int, **fields: int) -> object:
    attributes = {"NDA_DST": "192.0.2.2", "NDA_LLADDR": "02:00:00:00:00:02"}
    known = {"family": socket.AF_INET, "ifindex": 2, "state": state} | fields
    return messages.read_neighbour(message(ndmsg, kind, attributes, **known))


@pytest.mark.parametrize(
    ("state", "usable"),
    [(1, False), (2, True), (4, True), (8, True), (16, True), (32, False), (64, True), (128, True)],
)
def test_neighbours(state: int, usable: bool) -> None:
    key = (2, ip_address("192.0.2.2"))
    assert neighbour(28, state) == (key, b"\2\0\0\0\0\2" if usable else None)
    assert neighbour(29, state) == (key, None)


def test_proxies_and_bridge_entries_are_no_neighbours() -> None:
    assert neighbour(28, 2, flags=8) is None
    assert neighbour(28, 2, family=socket.AF_BRIDGE) is None


def test_a_truncated_datagram_ends_the_messages() -> None:
    whole = messages.dump_request(messages.RTM_GETLINK, 5)
    assert [m.sequence for m in messages.split(whole + whole[:7])] == [5]
