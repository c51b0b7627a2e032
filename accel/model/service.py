"""A service: an address, port and protocol that clients reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from accel.errors import InvalidError
from accel.model.address import Address, _check_range, check_address, check_name
from accel.model.guard import UNGUARDED, Guard, Policy
from accel.model.hints import UNHINTED, Hints
from accel.model.ring_size import DEFAULT_RING_SIZE, RING_SIZES, is_prime, next_prime


class Protocol(enum.IntEnum):
    """IP protocol numbers (IANA)."""

    TCP = 6
    UDP = 17


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """An address, port (0: any) and protocol that clients reach."""

    name: str
    address: Address
    port: int
    protocol: Protocol
    ring_size: int = DEFAULT_RING_SIZE
    guard: Guard = UNGUARDED
    hints: Hints = UNHINTED
    revision: int = 0

    @property
    def key(self) -> tuple[Address, int, Protocol]:
        """What must be unique among services."""
        return (self.address, self.port, self.protocol)

    def check(self, path: str = "service") -> Service:
        """Return self, or raise InvalidError that names the field below `path`."""
        check_name(self.name, f"{path}.name")
        check_address(self.address, f"{path}.address")
        _check_range(self.port, 0, 65535, f"{path}.port")
        if not RING_SIZES[0] <= self.ring_size <= RING_SIZES[1] or not is_prime(self.ring_size):
            raise InvalidError(
                f"{path}.ring_size",
                f"{self.ring_size} is not a prime from {RING_SIZES[0]} to {RING_SIZES[1]}",
                hint=f"use {next_prime(self.ring_size)}, or leave it out for {DEFAULT_RING_SIZE}",
            )
        self.guard.check(f"{path}.guard")
        if self.protocol is not Protocol.TCP and self.guard.policy is not Policy.OFF:
            raise InvalidError(
                f"{path}.guard.policy",
                f"{self.guard.policy.name.lower()} is for TCP: it is SYNs that are answered",
                hint="leave it off, and limit datagrams by udp_rate with level on",
            )
        self.hints.check(f"{path}.hints")
        if self.protocol is not Protocol.UDP and self.hints.quic:
            raise InvalidError(
                f"{path}.hints.quic",
                "is for UDP: it is QUIC that has connection ids",
                hint="leave it out, or make the service one of UDP",
            )
        return self
