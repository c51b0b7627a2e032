"""A gRPC service of the daemon, as the server is handed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """`add` is the generated function that adds `servicer` to a server. `name` is the full one."""

    name: str
    servicer: Any
    add: Callable[[Any, Any], None]

    @classmethod
    def of(cls, proto: Any, service: str, servicer: Any, add: Callable[[Any, Any], None]) -> Served:
        """`service` of the generated module `proto`."""
        name = proto.DESCRIPTOR.services_by_name[service].full_name
        return cls(name=name, servicer=servicer, add=add)
