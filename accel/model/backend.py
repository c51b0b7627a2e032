"""A backend: one server behind a service."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from accel.model import quic
from accel.model.address import Address, _check_range, check_address, check_name
from accel.model.quic import ServerIds

DEFAULT_WEIGHT = 100
DEFAULT_GUE_PORT = 6080  # IANA "gue"


class Mode(enum.IntEnum):
    """How a packet is handed to a backend; the numbers are those of bpf/maps/gateway.h."""

    IPIP = 1
    GUE = 2
    L2DSR = 3
    LOCAL = 4


class State(enum.IntEnum):
    """What the operator wants of a backend; the numbers are those of bpf/maps/gateway.h."""

    UP = 1
    DRAIN = 2
    DOWN = 3


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
        quic.check(self.server_ids, f"{path}.server_ids")
        return self
