"""The reference model's backends in a second: their load, its bounds, warm connections."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from accel.model.backend import Mode, State
from accel.model.hints import Hints
from accel.model.placement import PlacedBackend, PlacedService

RENEWED = 2  # seconds for which load bounds hold
PART = 1 << 20  # what the whole is, of which a backend may get a part
BELIEVED = 3  # a budget of warm connections: two seconds, and what is left of this one


@dataclass(kw_only=True)
class LoadModel:
    """Backends are known by their number, services by their index."""

    _flows: Counter[int] = field(default_factory=Counter)
    _limits: dict[int, int] = field(default_factory=dict)
    _parts: dict[int, int] = field(default_factory=dict)  # of all flows of this second, in PART
    _all: Counter[int] = field(default_factory=Counter)  # by service
    _bounded_until: dict[int, float] = field(default_factory=dict)
    _budgets: dict[int, tuple[int, float]] = field(default_factory=dict)

    def begin_second(self, placed: PlacedService, hints: Hints, now: float) -> None:
        """A service's load bounds begin anew."""
        self._bounded_until[placed.index] = now + RENEWED
        weights = {b.number: b.backend.weight if is_up(b) else 0 for b in placed.backends}
        every = sum(weights.values())
        if not every:
            return
        total = sum(self._flows[number] for number in weights)
        for number, weight in weights.items():
            wanted = math.ceil(round(hints.bound * weight * total / every, 6))
            self._limits[number], self._flows[number] = max(hints.floor, wanted), 0
            self._parts[number] = round(hints.bound * weight / every * PART)
        self._all[placed.index] = 0

    def unbound(self, index: int) -> None:
        """No bounds hold for a service."""
        self._bounded_until.pop(index, None)

    def is_bounded(self, index: int, now: float) -> bool:
        """Whether load bounds hold."""
        return now < self._bounded_until.get(index, 0)

    def is_over(self, index: int, number: int) -> bool:
        """Whether a backend of the service has had all the new flows of this second."""
        flows = self._flows[number]
        of_all = flows * PART >= self._parts.get(number, 0) * self._all[index]
        return flows >= self._limits.get(number, 0) and of_all

    def warm(self, budgets: Mapping[int, int], now: float) -> None:
        """So many warm connections backends have."""
        self._budgets |= {n: (budget, now + BELIEVED) for n, budget in budgets.items()}

    def budget(self, number: int, now: float) -> int:
        """Warm connections that are believed in."""
        budget, until = self._budgets.get(number, (0, 0))
        return budget if now < until else 0

    def take_warm(self, number: int) -> None:
        """A connection has been opened, and takes a warm one."""
        if number in self._budgets:
            budget, until = self._budgets[number]
            self._budgets[number] = max(0, budget - 1), until

    def count(self, index: int, number: int) -> None:
        """A new flow of the service, at that backend."""
        self._flows[number] += 1
        self._all[index] += 1


def is_up(backend: PlacedBackend) -> bool:
    """Whether it may get new flows."""
    return backend.backend.state is State.UP and is_reachable(backend)


def is_reachable(backend: PlacedBackend) -> bool:
    """Whether there is a way to it."""
    return bool(backend.next_hop) or backend.backend.mode is Mode.LOCAL
