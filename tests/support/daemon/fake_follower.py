"""Next hops in memory: Follower."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection

from accel.model.address import Address
from accel.model.placement import NextHop
from accel.nexthop.mirror import Unresolved

UNREACHABLE = ipaddress.ip_network("10.99.0.0/16")
"""Backends there have no next hop."""


class FakeFollower:
    """Every address has a next hop, except those of UNREACHABLE and those in `lost`."""

    def __init__(self, changed: Callable[[set[Address]], None]) -> None:
        self._changed = changed
        self.followed: set[Address] = set()
        self.lost: set[Address] = set()

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def follow_too(self, addresses: Collection[Address], /) -> None:
        self.followed |= set(addresses)

    def unfollow(self, addresses: Collection[Address], /) -> None:
        self.followed -= set(addresses)

    def resolve(self, address: Address, /) -> NextHop | Unresolved:
        if address in self.lost or (address.version == 4 and address in UNREACHABLE):
            return Unresolved(problem=f"{address} does not answer ARP on eth9")
        return NextHop(
            ifindex=1,
            interface="lo",
            mac=bytes.fromhex("020000000001"),
            source_mac=bytes.fromhex("020000000002"),
            mtu=1500,
            source=ipaddress.ip_address("10.0.0.1" if address.version == 4 else "2001:db8::1"),
        )

    def move(self, *addresses: Address) -> None:
        """Lose these next hops, or find those that are lost."""
        self.lost ^= set(addresses)
        self._changed(set(addresses))
