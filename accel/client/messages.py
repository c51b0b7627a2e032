"""Between the messages of accel.v1 and plain values, as the client needs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accel.model import message_codec
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode, State
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED, Shard
from accel.model.quic import ServerId
from accel.model.results import hints
from accel.model.results.gateway import (
    Attached,
    Attack,
    BackendStats,
    Change,
    ChangeKind,
    Count,
    Event,
    Explanation,
    Hop,
    MapUse,
    Reached,
    ServiceStats,
    Stats,
    Status,
)
from accel.model.service import Protocol, Service
from accel.v1 import gateway_pb2, model_pb2

PROTOCOLS = {Protocol.TCP: model_pb2.PROTOCOL_TCP, Protocol.UDP: model_pb2.PROTOCOL_UDP}
_PROTOCOL_OF = {number: protocol for protocol, number in PROTOCOLS.items()}


def service_message(**fields: Any) -> model_pb2.Service:
    """A Service message of the fields that are not None."""
    given = {key: value for key, value in fields.items() if value is not None}
    if "protocol" in given:
        given["protocol"] = PROTOCOLS[given["protocol"]]
    if "address" in given:
        given["address"] = str(given["address"])
    settings = {name: given.pop(name) for name in ("guard", "hints") if name in given}
    message = model_pb2.Service(**given)
    for name, value in settings.items():
        message_codec.put(getattr(message, name), value)
    return message


def backend_message(**fields: Any) -> model_pb2.Backend:
    """A Backend message of the fields that are not None."""
    given = {key: value for key, value in fields.items() if value is not None}
    if "address" in given:
        given["address"] = str(given["address"])
    ids = given.pop("server_ids", None)
    message = model_pb2.Backend(**given)
    if ids is not None:
        message_codec.put_items(message.server_ids, ids)
    return message


def shard_message(shard: Shard) -> model_pb2.Shard:
    message = model_pb2.Shard()
    message_codec.put(message, shard)
    return message


def of_service(service: Service) -> model_pb2.Service:
    return service_message(
        name=service.name,
        address=service.address,
        port=service.port,
        protocol=service.protocol,
        ring_size=service.ring_size,
        guard=service.guard if service.guard != UNGUARDED else None,
        hints=service.hints if service.hints != UNHINTED else None,
    )


def of_backend(backend: Backend) -> model_pb2.Backend:
    return backend_message(
        service=backend.service,
        name=backend.name,
        address=backend.address,
        weight=backend.weight,
        mode=backend.mode,
        gue_port=backend.gue_port,
        state=backend.state,
        server_ids=backend.server_ids or None,
    )


def service(message: model_pb2.Service) -> Service:
    return Service(
        name=message.name,
        address=parse_address(message.address, "service.address"),
        port=message.port,
        protocol=_PROTOCOL_OF[message.protocol],
        ring_size=message.ring_size,
        guard=message_codec.given(message, "guard", UNGUARDED, "service.guard"),
        hints=message_codec.given(message, "hints", UNHINTED, "service.hints"),
        revision=message.revision,
    )


def reached(message: model_pb2.Backend) -> Reached:
    hop = message.next_hop
    return Reached(
        backend=Backend(
            service=message.service,
            name=message.name,
            address=parse_address(message.address, "backend.address"),
            weight=message.weight,
            mode=Mode(message.mode),
            gue_port=message.gue_port,
            state=State(message.state),
            server_ids=message_codec.items(message.server_ids, ServerId),
            revision=message.revision,
        ),
        hop=Hop(
            resolved=hop.resolved,
            interface=hop.interface,
            mac=hop.mac,
            mtu=hop.mtu,
            problem=hop.problem,
        ),
    )


def change(message: gateway_pb2.Change) -> Change:
    before: Service | Reached | None = None
    after: Service | Reached | None = None
    if message.HasField("service_before"):
        before = service(message.service_before)
    if message.HasField("service_after"):
        after = service(message.service_after)
    if message.HasField("backend_before"):
        before = reached(message.backend_before)
    if message.HasField("backend_after"):
        after = reached(message.backend_after)
    return Change(kind=ChangeKind(message.kind), before=before, after=after)


def event(message: gateway_pb2.WatchResponse) -> Event:
    if not message.HasField("attack"):
        return Event(revision=message.revision, change=change(message.change))
    seen = message.attack
    return Event(
        revision=message.revision,
        attack=Attack(
            service=seen.service,
            started=seen.started,
            monitored=seen.monitored,
            excess_per_second=seen.excess_per_second,
            seconds=seen.seconds,
        ),
    )


def counts(messages: Iterable[gateway_pb2.VerdictCount]) -> tuple[Count, ...]:
    return tuple(Count(verdict=m.verdict, packets=m.packets, bytes=m.bytes) for m in messages)


def stats(message: gateway_pb2.GetStatsResponse) -> Stats:
    return Stats(
        gateway=counts(message.gateway),
        services=tuple(
            ServiceStats(
                service=of.service,
                counts=counts(of.verdicts),
                backends=tuple(
                    BackendStats(
                        backend=below.backend,
                        counts=counts(below.verdicts),
                        ring_share=below.ring_share,
                        known_flows=below.known_flows,
                    )
                    for below in of.backends
                ),
                noted=counts(of.noted),
            )
            for of in message.services
        ),
    )


def explanation(message: gateway_pb2.ExplainResponse) -> Explanation:
    return Explanation(
        verdict=message.verdict,
        meaning=message.meaning,
        action=message.action,
        service=message.service,
        backend=message.backend,
        known_flow=message.known_flow,
        ring_slot=message.ring_slot if message.HasField("ring_slot") else None,
        interface=message.interface,
        packet_in=message.packet_in,
        packet_out=message.packet_out,
        steps=tuple(message.steps),
        outcome=message.outcome,
        hints=tuple(map(hints.known_hint, message.hints)),
    )


def attached(message: gateway_pb2.Attachment) -> Attached:
    return Attached(interface=message.interface, xdp_mode=message.xdp_mode)


def status(message: gateway_pb2.GetStatusResponse) -> Status:
    return Status(
        version=message.version,
        revision=message.revision,
        attachments=tuple(attached(a) for a in message.attachments),
        pin_path=message.pin_path,
        adopted=message.adopted,
        capacities=tuple(
            MapUse(map=m.map, used=m.used, limit=m.limit, bytes=m.bytes) for m in message.capacities
        ),
        uptime_seconds=message.uptime_seconds,
    )
