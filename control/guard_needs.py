"""What a guard's mode needs of this host and of its service, asked before a write is stored."""

from __future__ import annotations

from collections.abc import Collection

from accel.model import Backend, Service


def require(service: Service, backends: Collection[Backend]) -> None:
    """Raises HostError or InvalidError if the guard of `service` cannot do what it is told."""
