"""The messages of accel.v1 to and from the values of accel.model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from accel.control.state import Change, Object
from accel.control.watch import Event
from accel.errors import InvalidError
from accel.model import (
    DEFAULT_GUE_PORT,
    DEFAULT_RING_SIZE,
    DEFAULT_WEIGHT,
    Address,
    Backend,
    Mode,
    Protocol,
    Service,
    State,
    parse_address,
)
from accel.nexthop import Unresolved
from accel.placed import NextHop
from accel.v1 import gateway_pb2, model_pb2

Hop = NextHop | Unresolved | None
T = TypeVar("T")

_PROTOCOLS = {
    model_pb2.PROTOCOL_TCP: Protocol.TCP,
    model_pb2.PROTOCOL_UDP: Protocol.UDP,
}
_MODES = {
    model_pb2.MODE_IPIP: Mode.IPIP,
    model_pb2.MODE_GUE: Mode.GUE,
    model_pb2.MODE_L2DSR: Mode.L2DSR,
    model_pb2.MODE_LOCAL: Mode.LOCAL,
}
_STATES = {
    model_pb2.BACKEND_STATE_UP: State.UP,
    model_pb2.BACKEND_STATE_DRAIN: State.DRAIN,
    model_pb2.BACKEND_STATE_DOWN: State.DOWN,
}
_PROTOCOLS_OUT = {value: number for number, value in _PROTOCOLS.items()}
_MODES_OUT = {value: number for number, value in _MODES.items()}
_STATES_OUT = {value: number for number, value in _STATES.items()}
XDP_MODES = {
    gateway_pb2.XDP_MODE_UNSPECIFIED: "auto",
    gateway_pb2.XDP_MODE_NATIVE: "native",
    gateway_pb2.XDP_MODE_GENERIC: "generic",
}


class Addresses(dict[str, Address]):
    """Remembers what each text means: one state names the same addresses many times."""

    def parse(self, text: str, path: str) -> Address:
        """Raises InvalidError that names `path`."""
        found = self.get(text)
        if found is None:
            if not text:
                raise InvalidError(path, "is missing", hint="give an IPv4 or IPv6 address")
            found = self[text] = parse_address(text, path)
        return found


def service_of(message: Any, path: str, addresses: Addresses) -> Service:
    """A new service; fields at zero take their defaults. Raises InvalidError."""
    return Service(
        name=message.name,
        address=addresses.parse(message.address, f"{path}.address"),
        port=message.port,
        protocol=_known(_PROTOCOLS, message.protocol, f"{path}.protocol"),
        ring_size=message.ring_size or DEFAULT_RING_SIZE,
    )


def backend_of(message: Any, path: str, addresses: Addresses) -> Backend:
    """A new backend; fields at zero take their defaults. Raises InvalidError."""
    return Backend(
        service=message.service,
        name=message.name,
        address=addresses.parse(message.address, f"{path}.address"),
        weight=message.weight or DEFAULT_WEIGHT,
        mode=_known(_MODES, message.mode or model_pb2.MODE_IPIP, f"{path}.mode"),
        gue_port=message.gue_port or DEFAULT_GUE_PORT,
        state=_known(_STATES, message.state or model_pb2.BACKEND_STATE_UP, f"{path}.state"),
    )


def services_of(messages: Sequence[Any], addresses: Addresses) -> list[Service]:
    """All of an Apply. Raises InvalidError as in ``services[2].address``."""
    return [service_of(m, f"services[{i}]", addresses) for i, m in enumerate(messages)]


def backends_of(messages: Sequence[Any], addresses: Addresses) -> list[Backend]:
    """All of an Apply. Raises InvalidError as in ``backends[2].address``."""
    return [backend_of(m, f"backends[{i}]", addresses) for i, m in enumerate(messages)]


def merge_service(message: Any) -> Callable[[Service], Service]:
    """An update: fields at zero keep what they are."""

    def merge(before: Service) -> Service:
        given: dict[str, Any] = {}
        if message.address:
            given["address"] = parse_address(message.address, "service.address")
        if message.port:
            given["port"] = message.port
        if message.protocol:
            given["protocol"] = _known(_PROTOCOLS, message.protocol, "service.protocol")
        if message.ring_size:
            given["ring_size"] = message.ring_size
        return replace(before, **given)

    return merge


def merge_backend(message: Any) -> Callable[[Backend], Backend]:
    """An update: fields at zero keep what they are."""

    def merge(before: Backend) -> Backend:
        given: dict[str, Any] = {}
        if message.address:
            given["address"] = parse_address(message.address, "backend.address")
        if message.weight:
            given["weight"] = message.weight
        if message.mode:
            given["mode"] = _known(_MODES, message.mode, "backend.mode")
        if message.gue_port:
            given["gue_port"] = message.gue_port
        if message.state:
            given["state"] = _known(_STATES, message.state, "backend.state")
        return replace(before, **given)

    return merge


def protocol_of(number: int, path: str) -> Protocol:
    """Raises InvalidError."""
    return _known(_PROTOCOLS, number, path)


def xdp_mode_of(number: int, path: str) -> str:
    """ "auto", "native" or "generic". Raises InvalidError."""
    return _known(XDP_MODES, number, path)


def service_message(service: Service) -> Any:
    """As it is stored."""
    return model_pb2.Service(
        name=service.name,
        address=str(service.address),
        port=service.port,
        protocol=_PROTOCOLS_OUT[service.protocol],
        ring_size=service.ring_size,
        revision=service.revision,
    )


def backend_message(backend: Backend, hop: Hop) -> Any:
    """As it is stored, and how its next hop stands."""
    return model_pb2.Backend(
        service=backend.service,
        name=backend.name,
        address=str(backend.address),
        weight=backend.weight,
        mode=_MODES_OUT[backend.mode],
        gue_port=backend.gue_port,
        state=_STATES_OUT[backend.state],
        revision=backend.revision,
        next_hop=_hop_message(backend, hop),
    )


def change_message(change: Change, hop_of: Callable[[Backend], Hop]) -> Any:
    """What a write does to one object; next hops as they stand now."""
    kind = gateway_pb2.CHANGE_KIND_UPDATED
    if change.before is None:
        kind = gateway_pb2.CHANGE_KIND_CREATED
    elif change.after is None:
        kind = gateway_pb2.CHANGE_KIND_DELETED
    message = gateway_pb2.Change(kind=kind)
    for found, when in ((change.before, "before"), (change.after, "after")):
        if found is not None:
            _put(message, when, found, hop_of)
    return message


def event_message(event: Event, hop_of: Callable[[Backend], Hop]) -> Any:
    """One answer of Watch."""
    if event.hops is None:
        change = change_message(event.change, hop_of)
    else:
        before, after = event.hops
        change = gateway_pb2.Change(kind=gateway_pb2.CHANGE_KIND_NEXT_HOP)
        _put(change, "before", event.change.subject, lambda _: before)
        _put(change, "after", event.change.subject, lambda _: after)
    return gateway_pb2.WatchResponse(revision=event.revision, change=change)


def _put(message: Any, when: str, found: Object, hop_of: Callable[[Backend], Hop]) -> None:
    if isinstance(found, Service):
        getattr(message, f"service_{when}").CopyFrom(service_message(found))
    else:
        getattr(message, f"backend_{when}").CopyFrom(backend_message(found, hop_of(found)))


def _hop_message(backend: Backend, hop: Hop) -> Any:
    if backend.mode is Mode.LOCAL:
        return model_pb2.NextHop(resolved=True)
    if isinstance(hop, NextHop):
        return model_pb2.NextHop(
            resolved=True, interface=hop.interface, mac=hop.mac.hex(":"), mtu=hop.mtu
        )
    return model_pb2.NextHop(problem="not asked for yet" if hop is None else hop.problem)


def _known(values: Mapping[Any, T], number: int, path: str) -> T:
    if number not in values:
        allowed = ", ".join(str(n) for n in values)
        names = ", ".join(getattr(v, "name", str(v)).lower() for v in values.values())
        raise InvalidError(
            path,
            f"{number} is not known" if number else "is missing",
            hint=f"one of {allowed} ({names})",
        )
    return values[number]
