"""The messages of accel.v1 to and from the values of accel.model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from accel.control.report.watch import Attack, Event
from accel.control.state.state import Change
from accel.errors import InvalidError
from accel.model import message_codec
from accel.model.address import Address, parse_address
from accel.model.backend import DEFAULT_GUE_PORT, DEFAULT_WEIGHT, Backend, Mode, State
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED
from accel.model.placement import NextHop
from accel.model.quic import ServerId, ServerIds, in_order
from accel.model.ring_size import DEFAULT_RING_SIZE
from accel.model.service import Protocol, Service
from accel.nexthop.mirror import Unresolved
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


def service_of(message: Any, path: str, addresses: Addresses, revision: int = 0) -> Service:
    """A new service; fields at zero take their defaults. Raises InvalidError."""
    return Service(
        name=message.name,
        address=addresses.parse(message.address, f"{path}.address"),
        port=message.port,
        protocol=_known(_PROTOCOLS, message.protocol, f"{path}.protocol"),
        ring_size=message.ring_size or DEFAULT_RING_SIZE,
        guard=message_codec.given(message, "guard", UNGUARDED, f"{path}.guard"),
        hints=message_codec.given(message, "hints", UNHINTED, f"{path}.hints"),
        revision=revision,
    )


def backend_of(message: Any, path: str, addresses: Addresses, revision: int = 0) -> Backend:
    """A new backend; fields at zero take their defaults. Raises InvalidError."""
    return Backend(
        service=message.service,
        name=message.name,
        address=addresses.parse(message.address, f"{path}.address"),
        weight=message.weight or DEFAULT_WEIGHT,
        mode=_known(_MODES, message.mode or model_pb2.MODE_IPIP, f"{path}.mode"),
        gue_port=message.gue_port or DEFAULT_GUE_PORT,
        state=_known(_STATES, message.state or model_pb2.BACKEND_STATE_UP, f"{path}.state"),
        server_ids=_server_ids_of(message) if message.HasField("server_ids") else (),
        revision=revision,
    )


def desired_of(request: Any, revision: int) -> tuple[list[Service], list[Backend]]:
    """All of an ApplyRequest, at `revision`. Raises InvalidError as in ``services[2].address``."""
    addresses = Addresses()
    services = [
        service_of(message, f"services[{i}]", addresses, revision)
        for i, message in enumerate(request.services)
    ]
    backends = [
        backend_of(message, f"backends[{i}]", addresses, revision)
        for i, message in enumerate(request.backends)
    ]
    return services, backends


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
        for name in ("guard", "hints"):
            was = getattr(before, name)
            given[name] = message_codec.given(message, name, was, f"service.{name}")
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
        if message.HasField("server_ids"):
            given["server_ids"] = _server_ids_of(message)
        return replace(before, **given)

    return merge


def _server_ids_of(message: Any) -> ServerIds:
    return in_order(message_codec.items(message.server_ids, ServerId))


def protocol_of(number: int, path: str) -> Protocol:
    """Raises InvalidError."""
    return _known(_PROTOCOLS, number, path)


def xdp_mode_of(number: int, path: str) -> str:
    """ "auto", "native" or "generic". Raises InvalidError."""
    return _known(XDP_MODES, number, path)


def put_service(into: Any, service: Service) -> None:
    """Fill a Service message, as it is stored.

    Messages are filled where they stand in the answer: making and copying them takes three times
    as long, which is felt with 100,000 of them.
    """
    into.name = service.name
    into.address = str(service.address)
    into.port = service.port
    into.protocol = _PROTOCOLS_OUT[service.protocol]
    into.ring_size = service.ring_size
    into.revision = service.revision
    message_codec.put_unless(UNGUARDED, into, "guard", service.guard)
    message_codec.put_unless(UNHINTED, into, "hints", service.hints)


def put_backend(into: Any, backend: Backend, hop: Hop) -> None:
    """Fill a Backend message, as it is stored, and how its next hop stands."""
    into.service = backend.service
    into.name = backend.name
    into.address = str(backend.address)
    into.weight = backend.weight
    into.mode = _MODES_OUT[backend.mode]
    into.gue_port = backend.gue_port
    into.state = _STATES_OUT[backend.state]
    into.revision = backend.revision
    if backend.server_ids:
        message_codec.put_items(into.server_ids, backend.server_ids)
    if backend.mode is Mode.LOCAL:
        into.next_hop.resolved = True
    elif isinstance(hop, NextHop):
        into.next_hop.resolved = True
        into.next_hop.interface = hop.interface
        into.next_hop.mac = hop.mac.hex(":")
        into.next_hop.mtu = hop.mtu
    else:
        into.next_hop.problem = "not asked for yet" if hop is None else hop.problem


def put_change(into: Any, change: Change, hop_of: Callable[[Backend], Hop]) -> None:
    """Fill a Change message with what a write does to one object; next hops as they are now."""
    into.kind = gateway_pb2.CHANGE_KIND_UPDATED
    if change.before is None:
        into.kind = gateway_pb2.CHANGE_KIND_CREATED
    elif change.after is None:
        into.kind = gateway_pb2.CHANGE_KIND_DELETED
    if isinstance(change.before, Service):
        put_service(into.service_before, change.before)
    elif change.before is not None:
        put_backend(into.backend_before, change.before, hop_of(change.before))
    if isinstance(change.after, Service):
        put_service(into.service_after, change.after)
    elif change.after is not None:
        put_backend(into.backend_after, change.after, hop_of(change.after))


def event_message(event: Event, hop_of: Callable[[Backend], Hop]) -> Any:
    """One answer of Watch."""
    message = gateway_pb2.WatchResponse(revision=event.revision)
    if event.change is None:
        assert event.attack is not None
        _put_attack(message.attack, event.attack)
        return message
    if event.hops is None:
        put_change(message.change, event.change, hop_of)
        return message
    backend = event.change.after
    assert isinstance(backend, Backend)
    message.change.kind = gateway_pb2.CHANGE_KIND_NEXT_HOP
    put_backend(message.change.backend_before, backend, event.hops[0])
    put_backend(message.change.backend_after, backend, event.hops[1])
    return message


def _put_attack(into: Any, attack: Attack) -> None:
    into.service = attack.service
    into.started = attack.started
    into.monitored = attack.monitored
    into.excess_per_second = attack.excess
    into.seconds = attack.seconds


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
