"""What routers say of packets that were too big for the way to a backend. No I/O.

A router that cannot pass an outer packet on sends an ICMP error about it to the gateway, whose
kernel has no use for it. `accel.nexthop.icmp_errors` reads those, and here is what they mean.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace

from accel.model.address import Address
from accel.model.backend import Backend, Mode
from accel.model.placement import NextHop

KEPT = 600.0  # seconds (RFC 1191 6.3, RFC 8201 5.4)
# A link narrower than the IPv4 one is hardly met, but would be told by a forger. Below the IPv6
# one is discarded (RFC 8201 4).
LEAST_IPV4, LEAST_IPV6 = 576, 1280

_IPIP, _UDP, _IPV6 = 4, 17, 41  # protocols that an outer header has


@dataclass(frozen=True, kw_only=True, slots=True)
class TooBig:
    """`router` says that packets from `source` to `destination` may have `mtu` bytes at most.

    `protocol` is that of the quoted packet, `port` its UDP destination port or 0.
    """

    router: Address
    source: Address
    destination: Address
    protocol: int
    port: int
    mtu: int


def read_ipv4(packet: bytes) -> TooBig | None:
    """From an IPv4 packet with "fragmentation needed" (RFC 792, RFC 1191 4); None if it is not.

    An MTU below 576 is taken for that; so is the 0 of routers that are older than RFC 1191.
    """
    start = (packet[0] & 15) * 4 if packet else 0
    icmp = packet[start:]
    if len(icmp) < 8 + 20 + 8 or icmp[:2] != b"\x03\x04" or icmp[8] != 0x45 or _sum(icmp):
        return None
    return TooBig(
        router=ipaddress.IPv4Address(packet[12:16]),
        source=ipaddress.IPv4Address(icmp[20:24]),
        destination=ipaddress.IPv4Address(icmp[24:28]),
        protocol=icmp[17],
        port=_port(icmp[17], icmp[28:]),
        mtu=max(int.from_bytes(icmp[6:8], "big"), LEAST_IPV4),
    )


def read_ipv6(icmp: bytes, router: ipaddress.IPv6Address) -> TooBig | None:
    """From a "packet too big" of `router` (RFC 4443 3.2), checked by the kernel; None if it is
    none, or tells less than IPv6 needs."""
    if len(icmp) < 8 + 40 + 8 or icmp[:1] != b"\x02":
        return None
    mtu = int.from_bytes(icmp[4:8], "big")
    if mtu < LEAST_IPV6:
        return None
    return TooBig(
        router=router,
        source=ipaddress.IPv6Address(icmp[16:32]),
        destination=ipaddress.IPv6Address(icmp[32:48]),
        protocol=icmp[14],
        port=_port(icmp[14], icmp[48:]),
        mtu=mtu,
    )


def quotes_one_for(backend: Backend, told: TooBig) -> bool:
    """Whether the quoted packet is what the gateway sends to `backend`, as far as that shows."""
    if told.destination != backend.address:
        return False
    if backend.mode is Mode.GUE:
        return told.protocol == _UDP and told.port == backend.gue_port
    return backend.mode is Mode.IPIP and told.protocol in (_IPIP, _IPV6)


class PathMtus:
    """What was learned, by destination. All times are seconds of one clock, whichever."""

    def __init__(self) -> None:
        self._known: dict[Address, tuple[int, float]] = {}

    def learn(self, destination: Address, mtu: int, now: float) -> bool:
        """False if as little was known already: an MTU is raised by `expire` only."""
        if destination in self._known and self._known[destination][0] <= mtu:
            return False
        self._known[destination] = (mtu, now + KEPT)
        return True

    def narrow(self, destination: Address, hop: NextHop) -> NextHop:
        """`hop` with the lesser of its MTU and the one that was learned."""
        mtu = min(hop.mtu, self._known.get(destination, (hop.mtu, 0.0))[0])
        return hop if mtu == hop.mtu else replace(hop, mtu=mtu)

    def forget(self, destination: Address) -> None:
        """Nothing needs to be known of it."""
        self._known.pop(destination, None)

    def expire(self, now: float) -> set[Address]:
        """Forget what is too old, so that a way that is wider again is found. Returns whose."""
        over = {address for address, (_, until) in self._known.items() if until <= now}
        for address in over:
            del self._known[address]
        return over


def _port(protocol: int, transport: bytes) -> int:
    return int.from_bytes(transport[2:4], "big") if protocol == _UDP else 0


def _sum(icmp: bytes) -> int:
    """The checksum over all of it: 0 if it is right (RFC 1071)."""
    padded = icmp + bytes(len(icmp) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
