"""Hints as requests of ApplyHints: packed, and of a bounded size. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.duration_pb2 import Duration

from accel.errors import InvalidError
from accel.model.address import Address
from accel.model.prefix import Network
from accel.v1 import hint_pb2 as pb

Client = Address | Network | str
"""Whose hint it is: an address or a prefix, or the text of one."""
ENTRIES = 1 << 16  # of a request, at the most: with IPv6 addresses it has one megabyte


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A message, and whom its entries are about, in the order in which they are counted."""

    message: Any
    clients: Sequence[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What hints have in common. Times in seconds; None: the service's lifetime, and a day."""

    lifetime: float | None = None
    longest: float | None = None
    require: bool = False

    def fields(self) -> dict[str, Any]:
        """As they are in messages."""
        fields: dict[str, Any] = {"require": self.require}
        for name in ("lifetime", "longest"):
            seconds = getattr(self, name)
            if seconds is not None:
                fields[name] = _duration(seconds)
        return fields


def to_set(service: str, hints: Mapping[Client, str], terms: Terms) -> Iterator[Request]:
    """Requests that lead each client to its backend. Raises InvalidError before the first one."""
    known = [(_parsed(client), backend) for client, backend in hints.items()]
    return (_request(service, part, terms) for part in _parts(known))


def to_remove(service: str, clients: Iterable[Client]) -> Iterator[Request]:
    """Requests that take the clients' hints away. Raises InvalidError before the first one."""
    known = [str(_parsed(client)) for client in clients]
    for part in _parts(known):
        message = pb.ApplyHintsRequest()
        message.remove.extend(pb.HintKey(service=service, client=client) for client in part)
        yield Request(message=message, clients=part)


def _request(service: str, hints: list[tuple[Address | Network, str]], terms: Terms) -> Request:
    message, fields = pb.ApplyHintsRequest(), terms.fields()
    clients: list[Address | Network] = []
    packed: dict[str, dict[int, list[Address]]] = {}
    for client, backend in hints:
        if isinstance(client, ipaddress.IPv4Address | ipaddress.IPv6Address):
            packed.setdefault(backend, {4: [], 6: []})[client.version].append(client)
            continue
        clients.append(client)
        message.hints.add(service=service, client=str(client), backend=backend, **fields)
    for backend, addresses in packed.items():
        message.batches.add(
            service=service,
            backend=backend,
            ipv4=b"".join(address.packed for address in addresses[4]),
            ipv6=b"".join(address.packed for address in addresses[6]),
            **fields,
        )
        clients += (*addresses[4], *addresses[6])
    return Request(message=message, clients=clients)


def _parts(entries: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(entries)
    while part := list(islice(rest, ENTRIES)):
        yield part


def _parsed(client: Client) -> Address | Network:
    if not isinstance(client, str):
        return client
    try:
        return ipaddress.ip_network(client) if "/" in client else ipaddress.ip_address(client)
    except ValueError as error:
        raise InvalidError(
            "client", str(error), hint="give an address, or a prefix without host bits"
        ) from None


def _duration(seconds: float) -> Duration:
    made = Duration()
    made.FromMicroseconds(round(seconds * 1_000_000))
    return made
