"""The kernel's links, addresses and routes as values, as far as next hops follow from them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from accel.model.address import Address

Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface


class Table(enum.IntEnum):
    """The routing tables that are looked at (linux/rtnetlink.h)."""

    MAIN = 254
    LOCAL = 255


class RouteType(enum.IntEnum):
    """What the kernel does with a packet that a route matches (linux/rtnetlink.h)."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A network interface. `up` means up and with a carrier; `vlan` 0 means no VLAN device."""

    index: int
    name: str
    mac: bytes
    mtu: int
    up: bool = True
    ethernet: bool = True
    vlan: int = 0
    vlan_protocol: int = 0x8100
    parent: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkAddress:
    """A global address of this host that may be a source."""

    link: int
    interface: Interface


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """One way that a route goes. No gateway: the destination is on the link itself.

    `tunnel`: the kernel would put a header of its own around the packet (lightweight tunnels).
    """

    link: int
    gateway: Address | None = None
    tunnel: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route; `mtu` 0 means that of the link. Legs that the kernel calls dead are left out."""

    destination: Network
    legs: tuple[Leg, ...] = ()
    table: Table = Table.MAIN
    type: RouteType = RouteType.UNICAST
    metric: int = 0
    source: Address | None = None
    mtu: int = 0
