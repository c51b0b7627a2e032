"""Of each service whose new flows are sampled: what hints bring, since sampling began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from accel.control.ports import SamplePort
from accel.datapath.hints.sampled_flows import Measured, SampledFlows
from accel.model.hints import UNHINTED, Hints, HintUse
from accel.model.results.confidence import Difference, Values, of_means, of_proportions
from accel.model.results.hint_report import LEAST, MEASURES, RESUMPTION


@dataclass(kw_only=True, slots=True)
class Group:
    """What was measured of one group of clients. Its memory is bounded."""

    flows: int = 0
    client_hellos: int = 0
    resumptions: int = 0
    values: dict[str, Values] = field(default_factory=lambda: {name: Values() for name in MEASURES})

    def add(self, flow: Measured) -> None:
        self.flows += 1
        if flow.resumes is not None:
            self.client_hellos += 1
            self.resumptions += flow.resumes
        for name, values in self.values.items():
            value = getattr(flow, name)
            if value is not None:
                values.add(float(value))


@dataclass(kw_only=True, slots=True)
class Report:
    """Of one service; `since` is of the clock of the samples, in ns."""

    hints: Hints
    since: int
    treated: Group = field(default_factory=Group)
    holdout: Group = field(default_factory=Group)

    def add(self, flow: Measured) -> None:
        """Flows that began before the report are none of its own."""
        if flow.opened >= self.since:
            (self.holdout if flow.held_out else self.treated).add(flow)

    def effects(self) -> dict[str, Difference]:
        """Treated less holdout, of all that both groups have; an interval from LEAST flows on."""
        one, other = self.treated, self.holdout
        found = {}
        if one.client_hellos and other.client_hellos:
            found[RESUMPTION] = _from(
                min(one.client_hellos, other.client_hellos),
                of_proportions(
                    *(one.resumptions, one.client_hellos, other.resumptions, other.client_hellos)
                ),
            )
        for name in MEASURES:
            a, b = one.values[name], other.values[name]
            if a.count and b.count:
                found[name] = _from(min(a.count, b.count), of_means(a, b))
        return found


def _from(flows: int, difference: Difference) -> Difference:
    return difference if flows >= LEAST else replace(difference, low=None, high=None)


class HintReports:
    """Services are called by their index. `clock` is in seconds, and that of the samples."""

    def __init__(self, maps: SamplePort, clock: Callable[[], float] = time.monotonic) -> None:
        self._maps = maps
        self._clock = clock
        self._flows = SampledFlows()
        self._reports: dict[int, Report] = {}

    def use(self, uses: Mapping[int, HintUse]) -> None:
        """Hints are used so from now on. What was measured of another use is forgotten."""
        for index, use in uses.items():
            known = self._reports.get(index)
            if use.idle or not use.hints.sample:
                self._reports.pop(index, None)
            elif known is None or _compared(known.hints) != _compared(use.hints):
                self._reports[index] = Report(hints=use.hints, since=self._now())

    def drop(self, indices: Iterable[int]) -> None:
        """These services are gone."""
        for index in indices:
            self._reports.pop(index, None)

    def tick(self) -> None:
        """Read what has come; to be called ten times a second."""
        samples = self._maps.read_samples()
        for flow in (*self._flows.add(samples), *self._flows.expire(self._now())):
            report = self._reports.get(flow.service)
            if report is not None:
                report.add(flow)

    def of(self, index: int) -> tuple[float, Report] | None:
        """Seconds since it began, and the report; None if no flow is sampled."""
        report = self._reports.get(index)
        return None if report is None else ((self._now() - report.since) / 1e9, report)

    def reset(self, index: int) -> None:
        """Begin anew."""
        report = self._reports.get(index)
        if report is not None:
            self._reports[index] = Report(hints=report.hints, since=self._now())

    def _now(self) -> int:
        return int(self._clock() * 1e9)


def _compared(hints: Hints) -> Hints:
    """How many flows are sampled changes nothing of what is measured."""
    return replace(hints, sample=UNHINTED.sample)
