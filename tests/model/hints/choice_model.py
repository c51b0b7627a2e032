"""The reference model's choice for a new flow: server id, hints, base choice, and another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accel.model.backend import State
from accel.model.hints import Kind
from accel.model.placement import PlacedBackend, PlacedService
from accel.model.service import Service
from tests.model.hints.client_model import again
from tests.model.hints.hint_model import Advised, Flight, HintModel
from tests.model.hints.load_model import is_up
from tests.model.packet_model import TCP
from tests.model.ring_model import Ring

TRIES = 16  # backends of a list that are looked at for one below its bound
Key = tuple[bytes, bytes, int]  # address, port, protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The slot that was asked, whom it is, whether that is kept; what decided, if hints did."""

    slot: int | None = None
    backend: PlacedBackend | None = None
    kept: bool = True
    outcome: str = ""


class ChoiceModel:
    """The rings of all services, and those that were until a few seconds ago."""

    def __init__(self, hints: HintModel) -> None:
        self._hints = hints
        self._rings: dict[Key, Ring] = {}
        self._former: dict[Key, Ring] = {}
        self._backends: dict[int, PlacedBackend] = {}

    def place(self, services: Iterable[PlacedService]) -> None:
        """From now on there are these services."""
        services = list(services)
        self._backends = {b.number: b for s in services for b in s.backends}
        rings = {key_of(s.service): ring for s in services if (ring := Ring(s)).numbers}
        for key, ring in rings.items():
            before = self._rings.get(key)
            if before and ring.same_as(before):
                rings[key] = before
            elif before:
                self._former[key] = before
            else:
                self._former.pop(key, None)
        self._rings = rings

    def forget_former_rings(self) -> None:
        """The seconds are over for which handshakes go on by the rings that were."""
        self._former = {}

    def base(self, placed: PlacedService, flight: Flight) -> int:
        """The number of the base choice, 0 for none."""
        ring = self._rings.get(key_of(placed.service))
        return ring.numbers[ring.slot(self._hints.base(flight))] if ring else 0

    def choose(self, placed: PlacedService, flight: Flight, *, syn: bool, quoted: bool) -> Choice:
        """For a packet of no known flow."""
        moved = self._hints.by_server_id(flight)
        if moved.backend:
            return Choice(backend=moved.backend, outcome=moved.outcome)
        key = key_of(placed.service)
        ring = self._rings.get(key)
        if not ring:
            return Choice(outcome=moved.outcome)
        hashed = self._hints.base(flight)
        slot = ring.slot(hashed)
        base = self._backends[ring.numbers[slot]]
        former = 0
        if flight.protocol == TCP and not quoted and (was := self._former.get(key)):
            former = was.numbers[was.slot(hashed)]
            former = 0 if former == base.number else former
        held_out = self._hints.held_out(flight)
        advised = Advised(outcome="HOLDOUT") if held_out else self._hints.by_client(flight)
        outcome, backend = moved.outcome or advised.outcome, advised.backend
        if backend:
            outcome = advised.outcome
        # What does not open a connection has been led somewhere already: nothing leads it away.
        if backend and not flight.opens and backend.number != (former or base.number):
            outcome, backend = "LATE", None
        if backend and flight.opens:
            return Choice(slot=slot, backend=backend, outcome=outcome)
        if not backend and flight.opens and not held_out:
            backend, why = self._other(flight.index, ring, hashed, base.number)
            outcome = outcome or why
        if not backend:
            backend = (not syn and self._handshakes(placed, former)) or base
        kept = not syn or former != 0 or backend is not base
        return Choice(slot=slot, backend=backend, kept=kept, outcome=outcome or "BASE")

    def _handshakes(self, placed: PlacedService, number: int) -> PlacedBackend | None:
        """Where the former ring has led handshakes to, if they may go on there."""
        own = {b.number: b for b in placed.backends}
        backend = own.get(number)
        return backend if backend and backend.backend.state is not State.DOWN else None

    def _other(
        self, index: int, ring: Ring, hashed: int, base: int
    ) -> tuple[PlacedBackend | None, str]:
        """In place of the base choice: one below its bound, or the warmer of two."""
        hints = self._hints
        bounded = hints.is_bounded(index)
        over = bounded and hints.is_over(base)
        warm = Kind.WARM in hints.kinds_of(index)
        number = ring.numbers[ring.slot(again(hashed))]
        if not over and not (warm and hints.budget(number) > hints.budget(base)):
            return None, ""
        if bounded and hints.is_over(number):
            number = self._below_bound(ring, again(hashed)) if over else base
        if number in (0, base):
            return None, ""
        return self._backends[number], "BASE_OVERFLOW" if over else "WARM"

    def _below_bound(self, ring: Ring, hashed: int) -> int:
        start = hashed * len(ring.among) >> 32
        turned = ring.among[start:] + ring.among[:start]
        for number in turned[:TRIES]:
            backend = self._backends.get(number)
            if backend and is_up(backend) and not self._hints.is_over(number):
                return number
        return 0


def key_of(service: Service) -> Key:
    """What a service is found by."""
    return service.address.packed, service.port.to_bytes(2, "big"), int(service.protocol)
