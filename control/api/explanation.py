"""Explain: which packet is asked about, and what the program says to it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accel.control.api import translate
from accel.control.hints import client_lookup
from accel.control.ports import ClientHintPort, PacketPort
from accel.control.state.state import State
from accel.datapath import frame
from accel.datapath.testrun import Outcome
from accel.errors import InvalidError
from accel.explain import packet as explain
from accel.explain.hints import Asked
from accel.model.address import Address, parse_address
from accel.model.backend import Backend
from accel.model.placement import NextHop, PlacedService
from accel.model.service import Protocol
from accel.v1 import gateway_pb2

_FRAME_BYTES = (14, 3000)  # an Ethernet header; what a test run takes with room to spare


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A frame, and what it is in words. `client` is None if only the frame was given."""

    frame: bytes
    packet: str
    client: Address | None = None


def question_of(request: Any, state: State) -> Question:
    """What an ExplainRequest asks about. Raises InvalidError, NotFoundError."""
    if request.frame:
        least, greatest = _FRAME_BYTES
        if not least <= len(request.frame) <= greatest:
            raise InvalidError(
                "frame", f"{len(request.frame)} bytes are not from {least} to {greatest}"
            )
        return Question(
            frame=request.frame, packet=f"the given frame of {len(request.frame)} bytes"
        )
    address, port, protocol = _destination(request, state)
    client = parse_address(request.from_address, "from_address")
    if client.version != address.version:
        raise InvalidError("from_address", f"{client} is IPv{client.version}, but {address} is not")
    source_port = _port(request.from_port, "from_port")
    built = frame.build(
        source=client,
        source_port=source_port,
        destination=address,
        destination_port=port,
        protocol=protocol,
        syn=request.syn,
    )
    kind = "a UDP packet"
    if protocol is Protocol.TCP:
        kind = "a TCP SYN" if request.syn else "a TCP ACK"
    return Question(
        frame=built,
        packet=f"{kind} from {client} port {source_port} to {address} port {port}",
        client=client,
    )


def answer(
    question: Question,
    state: State,
    packets: PacketPort,
    next_hop: Callable[[Backend], NextHop | None],
) -> Any:
    """An ExplainResponse."""
    outcome = packets.run(question.frame)
    service = _by_index(outcome.service, state, next_hop)
    found = [b for b in service.backends if b.number == outcome.backend] if service else []
    backend = found[0] if found else None
    interface = ""
    if outcome.ifindex:
        with contextlib.suppress(OSError):
            interface = socket.if_indextoname(outcome.ifindex)
    asked = _asked(outcome, question, packets.hints)
    known = client_lookup.known(asked, service) if asked and service else []
    listed = packets.prefixes.lookup(question.client) if question.client and service else None
    return gateway_pb2.ExplainResponse(
        verdict=outcome.verdict.label,
        meaning=outcome.verdict.meaning,
        action=outcome.action,
        service=service.service.name if service else "",
        backend=backend.backend.name if backend else "",
        known_flow=outcome.known_flow,
        ring_slot=outcome.slot,
        interface=interface,
        packet_in=question.frame,
        packet_out=outcome.frame,
        steps=explain.steps(
            packet=question.packet,
            outcome=outcome,
            service=service,
            backend=backend,
            prefix=listed,
            asked=asked,
        ),
        outcome=outcome.hint.label if outcome.hint else "",
        hints=[*client_lookup.of_outcome(outcome, backend), *known],
    )


def _asked(outcome: Outcome, question: Question, hints: ClientHintPort) -> Asked | None:
    """What hints there are for the client, if they were asked."""
    if outcome.hint is None or question.client is None:
        return None
    return Asked(
        client=question.client,
        candidates=hints.candidates(outcome.service, question.client),
        held_out=hints.held_out(outcome.service, question.client),
    )


def _destination(request: Any, state: State) -> tuple[Address, int, Protocol]:
    if request.service:
        service = state.service(request.service)
        port = service.port or _port(request.to_port, "to_port")
        return service.address, port, service.protocol
    if not request.to_address:
        raise InvalidError("service", "is missing", hint="name a service, or give to_address")
    return (
        parse_address(request.to_address, "to_address"),
        _port(request.to_port, "to_port"),
        translate.protocol_of(request.protocol, "protocol"),
    )


def _port(number: int, path: str) -> int:
    if not 1 <= number <= 65535:
        raise InvalidError(path, f"{number} is not from 1 to 65535")
    return number


def _by_index(
    index: int, state: State, next_hop: Callable[[Backend], NextHop | None]
) -> PlacedService | None:
    for name, slot in state.placement.services.taken.items():
        if slot.number == index:
            return state.placed(name, next_hop)
    return None
