"""Whether a hint would be followed now: admit() of bpf/hints/candidates.h in user space. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.values import Seen, Standing
from accel.model.backend import Mode, State
from accel.model.hints import Kind


class Refusal(enum.IntEnum):
    """Why a candidate is not taken; the order is that of each kind's outcomes."""

    ADMITTED = 0
    EXPIRED = 1
    STALE = 2
    DOWN = 3
    OVERFLOW = 4

    @property
    def label(self) -> str:
        """As answers have it: empty for what is taken."""
        return self.name.lower() if self else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A client's hint of one kind, what it is worth now, and how its backend stands."""

    kind: Kind
    seen: Seen
    refused: Refusal
    standing: Standing

    @property
    def outcome(self) -> HintOutcome:
        """That of a new flow which this decides."""
        suffix = f"_{self.refused.name}" if self.refused else ""
        return HintOutcome[f"{self.kind.name}{suffix}"]


def refusal(seen: Seen, index: int, backend: Any, standing: Standing) -> Refusal:
    """Of a hint of the service with that index. `backend` is the struct of its number."""
    if not seen.seconds:
        return Refusal.EXPIRED
    if backend.service != index or backend.generation != seen.generation:
        return Refusal.STALE
    if backend.state != State.UP or not (backend.ifindex or backend.mode == Mode.LOCAL):
        return Refusal.DOWN
    limit = standing.limit
    if limit is not None and not seen.require and standing.flows >= limit:
        return Refusal.OVERFLOW
    return Refusal.ADMITTED


def decided(candidates: list[Candidate]) -> HintOutcome | None:
    """What decides a new flow that nothing but these is asked for; None if there are none."""
    taken = [candidate for candidate in candidates if not candidate.refused]
    first = (taken or candidates)[:1]
    return first[0].outcome if first else None
