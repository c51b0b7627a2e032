"""Addresses and names, and the one place where they are parsed and checked."""

from __future__ import annotations

import ipaddress
import re

from accel.errors import InvalidError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")


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
