"""Which services are under attack: rates of what their guards count, and what is thought of them.

What is quiet is learned meanwhile: the highest total by service, from which thresholds follow.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accel.control.guard import detector
from accel.control.guard.detector import Alarm, Floats, Thresholds
from accel.control.guard.rates import LONG, SHORT, GuardRates
from accel.control.report.watch import Attack
from accel.datapath.guard.counts import Counted, Counts, Selection
from accel.model.guard import Policy
from accel.model.placement import PlacedService
from accel.model.service import Service

SETTLE = 60.0  # seconds in which a new data path gets to know the flows that were there before it
_LEARN_EVERY = 1.0  # seconds
_CALM = 1.0  # seconds without excess after which those who come have proven themselves


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is seen at one service: a row of Counted, and the excess and total, per second."""

    rates: Floats
    excess: float
    total: float


class Attacks:
    """Used in the event loop, but for what only reads: `under`, `seen` and the like.

    Times are in seconds, of one clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        self.quiet: dict[str, float] = {}
        self._alarms: dict[str, Alarm] = {}
        self._peaks: dict[str, float] = {}
        self._settling: dict[str, float] = {}
        self._rates = GuardRates(())
        self._thresholds: list[Thresholds] = []
        self._limits = np.zeros((2, 0))
        self._learned_at = now

    def watch(self, services: tuple[PlacedService, ...]) -> Selection:
        """Of these there will be counts from now on; of no others anything is thought."""
        if services is not self._rates.services:
            self._rates = self._rates.renewed(services)
            self._think()
            self._alarms = {n: self._alarms[n] for n in self._rates.names if n in self._alarms}
            self._peaks = {n: self._peaks[n] for n in self._alarms if n in self._peaks}
        return self._rates.selection

    def learned(self, names: Collection[str]) -> dict[str, float]:
        """The highest total while it was quiet, of these services; of others it is forgotten."""
        self.quiet = {name: self.quiet[name] for name in names if name in self.quiet}
        return dict(self.quiet)

    def under(self, name: str) -> Alarm | None:
        """The alarm of that service, if there is one."""
        return self._alarms.get(name)

    def begin(self, name: str, now: float) -> None:
        """An attack was under way when the daemon started."""
        self._alarms[name] = Alarm(attack=True, since=now, last=now)

    def expect_strays(self, name: str, until: float) -> None:
        """The data path does not know the flows of that service, which go on nevertheless."""
        self._settling[name] = until

    def settled_at(self, name: str, now: float) -> float:
        """From when on what is of no known flow is a stray."""
        return self._settling.get(name, now)

    def count(self, counts: Counts, now: float) -> list[Attack]:
        """Packets counted until `now`, a row for each that is watched. What began or ended."""
        if not self._rates.add(counts, now):
            # Nothing is known yet of an attack that an earlier daemon saw.
            self._alarms = {name: replace(a, last=now) for name, a in self._alarms.items()}
            return []
        excess, total = self._judged(SHORT, now)
        on, ceiling = self._limits
        hot = set(np.flatnonzero((excess >= on) | (total >= ceiling)).tolist())
        if self._alarms:
            hot.update(i for i, name in enumerate(self._rates.names) if name in self._alarms)
        found = [self._step(i, float(excess[i]), float(total[i]), now) for i in hot]
        if now - self._learned_at >= _LEARN_EVERY:
            self._learn(now)
        return [event for event in found if event is not None]

    def seen(self, name: str) -> Seen:
        """Nothing yet of a service that is watched only since the last count. In any thread."""
        known = self._rates
        row = known.rows.get(name)
        if row is None:
            return Seen(rates=np.zeros(len(Counted)), excess=0.0, total=0.0)
        rates = known.latest()[row : row + 1]
        settling = np.array([name in self._settling], np.bool_)
        return Seen(
            rates=rates[0],
            excess=float(detector.excess_of(rates, settling)[0]),
            total=float(detector.total_of(rates, settling)[0]),
        )

    def thresholds(self, service: Service) -> Thresholds:
        """Those that hold now."""
        return detector.thresholds_of(service.guard, self.quiet.get(service.name, 0.0))

    def _think(self) -> None:
        """Thresholds follow from what is configured and what was learned."""
        self._thresholds = [self.thresholds(s.service) for s in self._rates.services]
        self._limits = np.array([(t.on, t.ceiling) for t in self._thresholds]).reshape(-1, 2).T

    def _judged(self, ticks: int, now: float) -> tuple[Floats, Floats]:
        if self._settling and now >= max(self._settling.values()):
            self._settling.clear()
        rates = self._rates.per_second(ticks)
        settling: npt.NDArray[np.bool_] = np.zeros(len(rates), np.bool_)
        if self._settling:
            settling = np.array([name in self._settling for name in self._rates.names], np.bool_)
        return detector.excess_of(rates, settling), detector.total_of(rates, settling)

    def _step(self, i: int, excess: float, total: float, now: float) -> Attack | None:
        name, guard = self._rates.names[i], self._rates.services[i].service.guard
        before = self._alarms.get(name, Alarm())
        after = detector.step(
            before,
            excess=excess,
            total=total,
            limits=self._thresholds[i],
            hold=guard.hold,
            now=now,
        )
        monitored = guard.policy is Policy.MONITOR
        if after.attack:
            self._alarms[name] = after
            self._peaks[name] = max(self._peaks.get(name, 0.0), excess)
            if before.attack:
                return None
            return Attack(service=name, started=True, monitored=monitored, excess=excess)
        if self._alarms.pop(name, None) is None:
            return None
        return Attack(
            service=name,
            started=False,
            monitored=monitored,
            excess=self._peaks.pop(name, excess),
            seconds=now - before.since,
        )

    def _learn(self, now: float) -> None:
        seconds, self._learned_at = now - self._learned_at, now
        excess, total = self._judged(LONG, now)
        for i, placed in enumerate(self._rates.services):
            name, limits = self._rates.names[i], self._thresholds[i]
            alarm = self._alarms.get(name)
            if excess[i] >= limits.off or (alarm and now - alarm.last < _CALM):
                continue
            policy = placed.service.guard.policy
            answering = policy is Policy.ALWAYS or (policy is Policy.AUTO and alarm)
            self.quiet[name] = detector.learn(
                self.quiet.get(name, 0.0),
                float(total[i]),
                seconds=seconds,
                doubles_in=0.0 if answering else detector.DOUBLES_IN[policy],
                base=limits.on,
            )
        self._think()
