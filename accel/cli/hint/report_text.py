"""The report of hints for a person: a table, and in plain sentences what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accel.model.results.confidence import Difference
from accel.model.results.hint_report import (
    LEAST,
    MEASURES,
    RESUMPTION,
    HintGroup,
    HintMeasure,
    HintReport,
)
from accel.terminal import Table, amount, blocks

_MOST = 100  # times as many flows as there are: more are not asked for
_NO_HELLO = (
    "no ClientHello could be read: this is not TLS, or the kernel is older than 5.18 (accel check)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unit:
    """How values of a measure are written: times `factor`, with so many `digits`."""

    label: str
    factor: float
    digits: int
    of_value: str
    of_difference: str

    def value(self, number: float) -> str:
        return f"{number * self.factor:,.{self.digits}f}{self.of_value}"

    def difference(self, number: float) -> str:
        return f"{self._signed(number)}{self.of_difference}"

    def interval(self, found: Difference) -> str:
        if found.low is None or found.high is None:
            return ""
        return f"{self._signed(found.low)} to {self._signed(found.high)}"

    def _signed(self, number: float) -> str:
        text = f"{number * self.factor:+,.{self.digits}f}"
        return text if float(text.replace(",", "")) else text[1:]


def _milliseconds(label: str) -> _Unit:
    return _Unit(label=label, factor=1e3, digits=2, of_value=" ms", of_difference=" ms")


_UNITS = {
    RESUMPTION: _Unit(
        label="resumption", factor=100, digits=0, of_value=" %", of_difference=" points"
    ),
    "first_payload": _milliseconds("SYN to first payload"),
    "second_payload": _milliseconds("SYN to second payload"),
    "handshake_bytes": _Unit(
        label="handshake bytes", factor=1, digits=0, of_value="", of_difference=" bytes"
    ),
}


def text(report: HintReport) -> str:
    """All of it."""
    began = f"service {report.service}: flows sampled for {_lasting(report.seconds)}"
    return blocks((began, _table(report), "\n".join(_sentence(report, m) for m in _UNITS)))


def _lasting(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _table(report: HintReport) -> str:
    groups = report.treated, report.holdout
    rows = [("flows", *(amount(group.flows) for group in groups), "", "")]
    for measure, unit in _UNITS.items():
        effect = report.effects.get(measure)
        rows.append(
            (
                unit.label,
                *(_mean(group, measure) for group in groups),
                unit.difference(effect.difference) if effect else "",
                unit.interval(effect) if effect else "",
            )
        )
        if measure in MEASURES:
            for name in ("median", "p95"):
                values = (_of(group, measure) for group in groups)
                written = (unit.value(getattr(v, name)) if v.count else "" for v in values)
                rows.append((f"  {name}", *written, "", ""))
    return Table(("", "TREATED", "HOLDOUT", "DIFFERENCE", "95 % SURE"), rows).text()


def _of(group: HintGroup, measure: str) -> HintMeasure:
    found: HintMeasure = getattr(group, measure)
    return found


def _number(group: HintGroup, measure: str) -> float:
    if measure == RESUMPTION:
        return group.resumptions / group.client_hellos if group.client_hellos else 0.0
    return _of(group, measure).mean


def _mean(group: HintGroup, measure: str) -> str:
    return _UNITS[measure].value(_number(group, measure)) if group.of(measure) else ""


def _sentence(report: HintReport, measure: str) -> str:
    unit, effect = _UNITS[measure], report.effects.get(measure)
    treated, holdout = report.treated.of(measure), report.holdout.of(measure)
    flows = min(report.treated.flows, report.holdout.flows)
    if effect is None or effect.low is None or effect.high is None:
        if flows >= LEAST and not treated + holdout and measure == RESUMPTION:
            return f"{unit.label}: {_NO_HELLO}"
        return (
            f"{unit.label}: cannot be told yet: {amount(treated)} flows against {amount(holdout)},"
            f" and {LEAST} of each group are needed"
        )
    against = " against ".join(_mean(group, measure) for group in (report.treated, report.holdout))
    said = (
        f"{unit.label}: {against}: {unit.difference(effect.difference)} ({unit.interval(effect)})"
    )
    if effect.is_sure:
        return said
    return f"{said}, which may be chance{_needed(holdout, effect)}"


def _needed(holdout: int, effect: Difference) -> str:
    """An interval is as wide as the root of the flows is small."""
    if not effect.difference or effect.low is None or effect.high is None:
        return ""
    times = ((effect.high - effect.low) / 2 / abs(effect.difference)) ** 2
    if times > _MOST or times <= 1:
        return ""
    wanted = holdout * times
    digits = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
    rounded = math.ceil(wanted / digits) * digits
    return f"; about {amount(rounded)} flows of the holdout group would tell"
