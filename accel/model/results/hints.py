"""What the daemon answers of hints, as plain values."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class HintKind(enum.IntEnum):
    """The numbers are those of the API."""

    NONE = 0
    CID = 1
    PUSHED = 2
    LEARNED = 3
    PREFIX = 4
    BASE = 5
    WARM = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownHint:
    """A client's hint; `backend` is empty if it is gone, `refused` if it would be followed.
    `left`: seconds, None for what has no end."""

    kind: HintKind
    backend: str
    require: bool
    left: float | None
    refused: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCount:
    """New flows that were decided so."""

    outcome: str
    meaning: str
    kind: HintKind
    flows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HintBackend:
    """Learned hints that lead to a backend, new flows of the running second and how many there may
    be, and its warm budget; None where there is no such."""

    backend: str
    learned_hints: int
    flows: int
    bound: int | None
    warm: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HintStats:
    """Of one service. Each new flow is in one of `outcomes`."""

    service: str
    outcomes: tuple[OutcomeCount, ...]
    learned: int
    refreshed: int
    unlearned: int
    pushed_hints: int
    prefix_hints: int
    backends: tuple[HintBackend, ...]


def known_hint(message: Any) -> KnownHint:
    return KnownHint(
        kind=HintKind(message.kind),
        backend=message.backend,
        require=message.require,
        left=message.left.ToNanoseconds() / 1e9 if message.HasField("left") else None,
        refused=message.refused,
    )


def stats(messages: Iterable[Any]) -> list[HintStats]:
    """Of HintStats messages."""
    return [
        HintStats(
            service=m.service,
            outcomes=tuple(
                OutcomeCount(
                    outcome=o.outcome, meaning=o.meaning, kind=HintKind(o.kind), flows=o.flows
                )
                for o in m.outcomes
            ),
            learned=m.learned,
            refreshed=m.refreshed,
            unlearned=m.unlearned,
            pushed_hints=m.pushed_hints,
            prefix_hints=m.prefix_hints,
            backends=tuple(
                HintBackend(
                    backend=b.backend,
                    learned_hints=b.learned_hints,
                    flows=b.flows,
                    bound=b.bound if b.HasField("bound") else None,
                    warm=b.warm if b.HasField("warm") else None,
                )
                for b in m.backends
            ),
        )
        for m in messages
    ]
