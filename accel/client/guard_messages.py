"""Messages of GuardService, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from accel.model import message_codec
from accel.model.guard import UNGUARDED
from accel.model.results.gateway import Count
from accel.model.results.guard import (
    GuardRates,
    GuardSample,
    GuardState,
    GuardStatus,
    GuardThresholds,
    TopSource,
)

T = TypeVar("T")


def status(message: Any, counts: Iterable[Count]) -> GuardStatus:
    """Of a GuardStatus message, whose noted counts are `counts`."""
    return GuardStatus(
        service=message.service,
        guard=message_codec.given(message, "guard", UNGUARDED, "guard"),
        state=GuardState(message.state),
        answering=message.answering,
        seconds=message.seconds if message.HasField("seconds") else None,
        rates=_like(GuardRates, message.rates) if message.HasField("rates") else None,
        thresholds=_like(GuardThresholds, message.thresholds),
        sources=tuple(_like(TopSource, below) for below in message.sources),
        noted=tuple(counts),
        problem=message.problem,
    )


def sample(message: Any) -> GuardSample:
    return _like(GuardSample, message)


def _like(kind: type[T], message: Any) -> T:
    """A value whose fields have the names of the message's."""
    return kind(**{f.name: getattr(message, f.name) for f in fields(kind)})  # type: ignore[arg-type]
