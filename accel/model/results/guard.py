"""What is answered about guards: status, rates, thresholds, samples."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeVar

from accel.model.guard import Guard
from accel.model.results.gateway import Count

T = TypeVar("T")


class GuardState(enum.IntEnum):
    """The numbers are those of the API."""

    OFF = 1
    QUIET = 2
    ATTACK = 3
    LINGER = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardRates:
    """Packets per second, over the last second: see GuardRates of the API."""

    excess: float
    total: float
    syn: float
    challenged: float
    proven: float
    cookies: float
    cookies_answered: float
    first_syns: float
    strays: float
    dropped: float


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardThresholds:
    """Packets per second; `quiet` is the highest total that was seen without an attack."""

    on: float
    off: float
    ceiling: float
    quiet: float
    learned: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TopSource:
    """A prefix, and its `share` (0 to 1) of what a service does not let through."""

    prefix: str
    packets_per_second: float
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardStatus:
    """How the guard of a service stands; `seconds`: for how long, None if it does nothing.

    `rates` is None with policy off. `noted`: what would have been done, since the beginning.
    `problem`: why it only monitors, where this host would fail its mode.
    """

    service: str
    guard: Guard
    state: GuardState
    answering: bool
    seconds: float | None
    rates: GuardRates | None
    thresholds: GuardThresholds
    sources: tuple[TopSource, ...]
    noted: tuple[Count, ...]
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardSample:
    """A packet that was not let through; see GuardSample of the API."""

    seconds_ago: float
    service: str
    verdict: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: int
    tcp_flags: int
    length: int
    count: int
