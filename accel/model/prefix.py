"""How prefixes and times to live are written. Without numpy, for the command line."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from accel.errors import InvalidError

Network = IPv4Network | IPv6Network
GREATEST_COMMENT = 200  # characters
GREATEST_TTL = 10 * 365 * 86400  # seconds
_TTL = re.compile(r"(?:\d{1,9}[smhdw])+\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_prefix(text: str, path: str) -> Network:
    """A prefix, or an address as one of its whole length. Raises InvalidError."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        right = ip_network(text, strict=False)
    except ValueError:
        raise InvalidError(
            path,
            f"{text!r} is not an IPv4 or IPv6 prefix",
            hint="write it as 192.0.2.0/24 or 2001:db8::/32",
        ) from None
    raise InvalidError(
        path,
        f"{text} has bits behind its length",
        hint=f"{right} is the prefix, {text.split('/')[0]} the address",
    )


def parse_ttl(text: str, path: str) -> int:
    """Seconds, as in 90s, 2h, 1d12h. Raises InvalidError."""
    seconds = 0
    if _TTL.match(text):
        seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", text))
    if not 0 < seconds <= GREATEST_TTL:
        raise InvalidError(
            path,
            f"{text!r} is not a time from 1s to 10 years",
            hint="write it as 90s, 30m, 2h, 7d or 1d12h",
        )
    return seconds


def ttl_text(seconds: int) -> str:
    """As `parse_ttl` reads it."""
    parts = []
    for unit, length in sorted(_UNITS.items(), key=lambda item: -item[1]):
        if seconds >= length:
            parts.append(f"{seconds // length}{unit}")
            seconds %= length
    return "".join(parts)
