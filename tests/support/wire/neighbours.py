"""A gateway and its neighbours in namespaces of their own, and a follower that is watched."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

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
