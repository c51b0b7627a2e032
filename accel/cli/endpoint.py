"""How services, backends and ends of connections are written on the command line."""

from __future__ import annotations

import ipaddress
import re

from accel.errors import InvalidError
from accel.model.address import Address, check_name
from accel.model.results.gateway import Target
from accel.model.service import Protocol

_END = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*)):(\d{1,5})\Z")
_FORMS = "write it as 192.0.2.1:443 or [2001:db8::1]:443"


def backend_name(text: str) -> tuple[str, str]:
    """SERVICE/BACKEND. Raises InvalidError."""
    service, slash, name = text.partition("/")
    if not slash:
        raise InvalidError(
            "SERVICE/BACKEND", f"{text!r} names no backend", hint=f"write {text or 'api'}/NAME"
        )
    check_name(service, "SERVICE")
    check_name(name, "BACKEND")
    return service, name


def end(text: str, path: str) -> tuple[Address, int]:
    """ADDRESS:PORT, an IPv6 address in brackets. Raises InvalidError that names `path`."""
    found = _END.match(text)
    if not found:
        raise InvalidError(path, f"{text!r} is not an address and a port", hint=_FORMS)
    six, four, port = found.groups()
    try:
        address = ipaddress.IPv4Address(four) if six is None else ipaddress.IPv6Address(six)
    except ValueError:
        raise InvalidError(path, f"{six or four!r} is not an address", hint=_FORMS) from None
    if int(port) > 65535:
        raise InvalidError(path, f"port {port} is not from 0 to 65535", hint=_FORMS)
    return address, int(port)


def target(text: str, path: str) -> Target:
    """SERVICE, SERVICE:PORT or ADDRESS:PORT/PROTOCOL (tcp if it names none).

    Raises InvalidError that names `path`.
    """
    where, slash, protocol = text.partition("/")
    if slash and protocol not in ("tcp", "udp"):
        raise InvalidError(path, f"{protocol!r} is neither tcp nor udp", hint=f"{_FORMS}/tcp")
    if _is_address(where):
        raise InvalidError(path, f"{where} has no port", hint=f"{_FORMS}/tcp")
    name, _, port = where.partition(":")
    if not slash and not _is_address(name) and "[" not in name and ":" not in port:
        check_name(name, path)
        if port and not (port.isascii() and port.isdecimal() and int(port[:6]) <= 65535):
            raise InvalidError(path, f"{port!r} is not a port", hint="give one from 1 to 65535")
        return Target(service=name, port=int(port or 0))
    address, number = end(where, path)
    return Target(
        address=address,
        port=number,
        protocol=Protocol.UDP if protocol == "udp" else Protocol.TCP,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def endpoint(address: Address, port: int, protocol: Protocol) -> str:
    """The way back, with * for any port: 192.0.2.1:443/tcp."""
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{host}:{port or '*'}/{protocol.name.lower()}"
