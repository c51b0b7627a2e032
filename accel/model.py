"""Services and backends as plain values, checked once, here.

Names follow docs/: a *service* is an address, port and protocol that clients reach; a
*backend* is one server behind it.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from accel import server_id
from accel.errors import InvalidError
from accel.guard import UNGUARDED, Guard, Policy
from accel.hint import UNHINTED, Hints
from accel.server_id import ServerIds

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
DEFAULT_RING_SIZE = 65537
RING_SIZES = (251, 131071)  # least and greatest
DEFAULT_WEIGHT = 100
DEFAULT_GUE_PORT = 6080  # IANA "gue"


class Protocol(enum.IntEnum):
    """IP protocol numbers (IANA)."""

    TCP = 6
    UDP = 17


class Mode(enum.IntEnum):
    """How a packet is handed to a backend; the numbers are those of bpf/maps.h."""

    IPIP = 1
    GUE = 2
    L2DSR = 3
    LOCAL = 4


class State(enum.IntEnum):
    """What the operator wants of a backend; the numbers are those of bpf/maps.h."""

    UP = 1
    DRAIN = 2
    DOWN = 3


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """One server behind the service named `service`."""

    service: str
    name: str
    address: Address
    weight: int = DEFAULT_WEIGHT
    mode: Mode = Mode.IPIP
    gue_port: int = DEFAULT_GUE_PORT
    state: State = State.UP
    server_ids: ServerIds = ()
    revision: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Its service's name and its own."""
        return (self.service, self.name)

    def check(self, path: str = "backend") -> Backend:
        """Return self, or raise InvalidError that names the field below `path`."""
        check_name(self.service, f"{path}.service")
        check_name(self.name, f"{path}.name")
        check_address(self.address, f"{path}.address")
        _check_range(self.weight, 1, 65535, f"{path}.weight")
        _check_range(self.gue_port, 1, 65535, f"{path}.gue_port")
        server_id.check(self.server_ids, f"{path}.server_ids")
        return self


@dataclass(frozen=True, kw_only=True)
class Desired:
    """A whole desired state: what is stored, and what the data path is made to be."""

    services: dict[str, Service] = field(default_factory=dict)
    backends: dict[tuple[str, str], Backend] = field(default_factory=dict)

    def of_service(self, name: str) -> list[Backend]:
        """The backends of service `name`, in order of their names."""
        return [b for key, b in sorted(self.backends.items()) if key[0] == name]


def check_desired(services: Iterable[Service], backends: Iterable[Backend]) -> Desired:
    """Check every object and what they say of each other, and return them by key.

    Raises InvalidError naming the first field that is wrong, as in ``services[2].port``.
    """
    by_name: dict[str, Service] = {}
    taken: dict[tuple[Address, int, Protocol], str] = {}
    for i, service in enumerate(services):
        service.check(f"services[{i}]")
        if service.name in by_name:
            raise InvalidError(
                f"services[{i}].name",
                f"{service.name!r} stands there twice",
                hint="give each service a name of its own",
            )
        if service.key in taken:
            raise InvalidError(
                f"services[{i}].address",
                f"{taken[service.key]!r} has this address, port and protocol already",
                hint="give it another port or address, or put the backends behind one service",
            )
        by_name[service.name] = service
        taken[service.key] = service.name
    by_key: dict[tuple[str, str], Backend] = {}
    ids = server_id.Taken()
    for i, backend in enumerate(backends):
        backend.check(f"backends[{i}]")
        if backend.service not in by_name:
            raise InvalidError(
                f"backends[{i}].service",
                f"there is no service {backend.service!r}",
                hint="name one of the services, or add it",
            )
        if backend.key in by_key:
            raise InvalidError(
                f"backends[{i}].name",
                f"{backend.name!r} stands there twice",
                hint="give each backend of a service a name of its own",
            )
        if backend.server_ids:
            server_id.check_fit(by_name[backend.service], backend, f"backends[{i}].server_ids")
            ids.take(backend, f"backends[{i}].server_ids")
        by_key[backend.key] = backend
    return Desired(services=by_name, backends=by_key)


def parse_address(text: str, path: str) -> Address:
    """An IPv4 or IPv6 address from its text form. Raises InvalidError."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise InvalidError(
            path,
            f"{text!r} is not an IPv4 or IPv6 address",
            hint="write it as 192.0.2.1 or 2001:db8::1, without a prefix length or a port",
        ) from None


def check_address(address: Address, path: str) -> None:
    """Only unicast addresses that a packet can be sent to. Raises InvalidError."""
    for what, bad in (
        ("unspecified", address.is_unspecified),
        ("multicast", address.is_multicast),
        ("loopback", address.is_loopback),
        ("link-local", address.version == 6 and address.is_link_local),
        ("an IPv4-mapped IPv6 address", getattr(address, "ipv4_mapped", None) is not None),
        ("the broadcast address", str(address) == "255.255.255.255"),
    ):
        if bad:
            raise InvalidError(path, f"{address} is {what}", hint="give a unicast address")


def check_name(name: str, path: str) -> None:
    """Raises InvalidError unless `name` is 1 to 63 of a-z 0-9 . _ -."""
    if not _NAME.match(name):
        raise InvalidError(
            path,
            f"{name!r} is not a name" if name else "is missing",
            hint="1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit",
        )


def _check_range(value: int, least: int, greatest: int, path: str) -> None:
    if not least <= value <= greatest:
        raise InvalidError(
            path,
            f"{value} is not from {least} to {greatest}",
            hint=f"give a number from {least} to {greatest}",
        )


@lru_cache(maxsize=64)
def is_prime(n: int) -> bool:
    """Trial division: ring sizes are small."""
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def next_prime(n: int) -> int:
    """The least prime that is a ring size and not below `n`, or the greatest ring size."""
    search: Callable[[int], bool] = is_prime
    return next(
        (p for p in range(max(n, RING_SIZES[0]), RING_SIZES[1] + 1) if search(p)), RING_SIZES[1]
    )
