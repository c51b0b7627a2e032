"""The report of hints as the API has it."""

from __future__ import annotations

from typing import Any

from accel.control.hints.reports import Group, HintReports, Report
from accel.control.state.state import State
from accel.errors import HostError
from accel.model.results.confidence import Values
from accel.model.results.hint_report import MEASURES
from accel.model.service import Protocol
from accel.v1 import hint_pb2 as pb


def answer(name: str, state: State, reports: HintReports, *, reset: bool) -> Any:
    """A GetHintReportResponse. Raises NotFoundError, and HostError if no flow is sampled."""
    service = state.service(name)
    if service.protocol is Protocol.UDP:
        raise HostError(
            f"there is no report of service {name!r}: it is for UDP, which has no SYN that times"
            " could be counted from",
            hint=f"accel hint stats {name} says what decided where its flows went",
        )
    index = state.placement.services.taken[name].number
    found = reports.of(index)
    if found is None:
        raise HostError(
            f"no flow of service {name!r} is sampled",
            hint="it has no hints yet: accel hint set, or accel hint add"
            if service.hints.sample
            else f"accel hint set {name} --sample 1",
        )
    message = _message(name, *found)
    if reset:
        reports.reset(index)
    return message


def _message(name: str, seconds: float, report: Report) -> Any:
    message = pb.GetHintReportResponse(service=name, seconds=seconds)
    _put(message.treated, report.treated)
    _put(message.holdout, report.holdout)
    for measure, effect in report.effects().items():
        message.effects.add(
            measure=measure, difference=effect.difference, low=effect.low, high=effect.high
        )
    return message


def _put(into: Any, group: Group) -> None:
    into.flows = group.flows
    into.client_hellos = group.client_hellos
    into.resumptions = group.resumptions
    for name in MEASURES:
        _put_values(getattr(into, name), group.values[name])


def _put_values(into: Any, values: Values) -> None:
    into.count, into.mean = values.count, values.mean
    into.median, into.p95 = values.quantile(0.5), values.quantile(0.95)
