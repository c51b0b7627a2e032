"""What the network of the lab consists of: segments, and hosts on them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self

from accel.lab.namespace import Namespace
from accel.model.address import Address

INTERFACE = "eth0"
SERVICES = (ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("2001:db8:5e::/64"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One link: a bridge on the router, who has the first address of both networks."""

    name: str
    ipv4: ipaddress.IPv4Network
    ipv6: ipaddress.IPv6Network
    mtu: int = 1500

    @classmethod
    def of(cls, name: str, ipv4: str, ipv6: str, mtu: int) -> Self:
        """From the text forms of its networks."""
        return cls(
            name=name, ipv4=ipaddress.IPv4Network(ipv4), ipv6=ipaddress.IPv6Network(ipv6), mtu=mtu
        )

    def addresses(self, number: int) -> tuple[Address, Address]:
        """The IPv4 and the IPv6 address of host `number` on this link.

        In an IPv6 network that has room for it each host has a /64 of its own, as customers have.
        """
        own = number << 64 if self.ipv6.prefixlen <= 48 else 0
        return self.ipv4[number], self.ipv6[own + number]

    def prefix(self, address: Address) -> int:
        """The length in bits of the network that an address on this link is in."""
        return self.ipv4.prefixlen if address.version == 4 else self.ipv6.prefixlen


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """How many hosts there are, and how wide the links are (MTU in bytes).

    Near backends stand on the gateways' own segment, far ones behind the router.
    A spare router is a second way from the near to the far segment. Homes are clients behind a
    router of their own, which translates their addresses and drops what conntrack calls invalid.
    """

    clients: int = 1
    homes: int = 0
    gateways: int = 1
    near: int = 2
    far: int = 2
    spare_router: bool = False
    clients_mtu: int = 1500
    near_mtu: int = 1500
    far_mtu: int = 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A client, gateway or backend: one interface, `INTERFACE`, on one segment."""

    name: str
    namespace: Namespace
    segment: Segment
    ipv4: Address
    ipv6: Address

    def address(self, version: int) -> Address:
        """Its IPv4 or IPv6 address."""
        return self.ipv4 if version == 4 else self.ipv6

    @property
    def mac(self) -> str:
        """The MAC address that its interface has now."""
        link = self.namespace.netlink.get_links(self.namespace.index(INTERFACE))[0]
        return str(link.get("address"))

    @property
    def received(self) -> int:
        """Packets that have come in on its interface."""
        link = self.namespace.netlink.get_links(self.namespace.index(INTERFACE))[0]
        return int(link.get("stats64")["rx_packets"])

    def set_mac(self, mac: str) -> None:
        """Give its interface another MAC address."""
        self.namespace.netlink.link("set", index=self.namespace.index(INTERFACE), address=mac)

    def own(self, address: Address) -> None:
        """Add a service's address to the loopback, where no neighbour is told of it."""
        add_address(self.namespace, 1, address, address.max_prefixlen)


def add_address(namespace: Namespace, index: int, address: Address, prefix: int) -> None:
    extra = {"flags": 2} if address.version == 6 else {}  # IFA_F_NODAD
    namespace.netlink.addr("replace", index=index, address=str(address), prefixlen=prefix, **extra)
