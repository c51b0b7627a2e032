"""What hints bring, as plain values: flows that follow them beside flows of the holdout group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel.model.results.confidence import Difference

MEASURES = ("first_payload", "second_payload", "handshake_bytes")
"""Those that are means; in the API each of a group's fields, and the name of an effect."""
RESUMPTION = "resumption"
LEAST = 10
"""Flows that each group must have before an effect has an interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HintMeasure:
    """Of `count` flows. Times in seconds, or bytes."""

    count: int
    mean: float
    median: float
    p95: float


@dataclass(frozen=True, kw_only=True, slots=True)
class HintGroup:
    """See HintGroup of the API."""

    flows: int
    client_hellos: int
    resumptions: int
    first_payload: HintMeasure
    second_payload: HintMeasure
    handshake_bytes: HintMeasure

    def of(self, measure: str) -> int:
        """How many flows a measure was taken of."""
        if measure == RESUMPTION:
            return self.client_hellos
        found: HintMeasure = getattr(self, measure)
        return found.count


@dataclass(frozen=True, kw_only=True, slots=True)
class HintReport:
    """`effects`: treated less holdout, by the name of the measure. `seconds`: since it began."""

    service: str
    seconds: float
    treated: HintGroup
    holdout: HintGroup
    effects: Mapping[str, Difference]


def report(message: Any) -> HintReport:
    """Of a GetHintReportResponse."""
    return HintReport(
        service=message.service,
        seconds=message.seconds,
        treated=_group(message.treated),
        holdout=_group(message.holdout),
        effects={
            effect.measure: Difference(
                difference=effect.difference,
                low=effect.low if effect.HasField("low") else None,
                high=effect.high if effect.HasField("high") else None,
            )
            for effect in message.effects
        },
    )


def _group(message: Any) -> HintGroup:
    return HintGroup(
        flows=message.flows,
        client_hellos=message.client_hellos,
        resumptions=message.resumptions,
        **{name: _measure(getattr(message, name)) for name in MEASURES},
    )


def _measure(message: Any) -> HintMeasure:
    return HintMeasure(
        count=message.count, mean=message.mean, median=message.median, p95=message.p95
    )
