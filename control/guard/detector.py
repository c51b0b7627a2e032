"""Is a service under attack? Pure: rates go in, what is thought of them comes out.

        excess >= on, or total >= ceiling
 quiet ─────────────────────────────────▶ attack
       ◀─────────────────────────────────
        excess < off for `hold` seconds

*Excess* is what no real client stands behind: SYNs that no flow follows, flows that no SYN was
before, SYNs whose answer does not come back, and what is refused. A mixed flood of as many SYNs
as strays has no excess before it is answered: for that there is a ceiling on the *total*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accel.datapath.guard.counts import Counted
from accel.model.guard import DEFAULT_ON_RATE, Guard, Policy

Floats = npt.NDArray[np.float64]

OFF_SHARE = 5  # an attack is over below this part of the rate that it began at
CEILING_TIMES = 4  # what was highest while it was quiet
DOUBLES_IN = {Policy.MONITOR: 1800.0, Policy.AUTO: 3600.0}
"""Seconds in which what is learned grows by a factor of two: what comes may be a flood."""
HALF_LIFE = 7 * 86_400.0  # seconds in which what was learned is half forgotten
_REFUSED = [
    Counted.BAD_COOKIE,
    Counted.UNKNOWN_FLOW,
    Counted.SYN_RATE,
    Counted.BAD_FLAGS,
    Counted.FIRST_FRAGMENT,
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Packets per second; `learned` says whether any of them was."""

    on: float
    off: float
    ceiling: float
    learned: bool = False


def thresholds_of(guard: Guard, quiet: float) -> Thresholds:
    """`quiet` is the highest total that was seen without an attack, 0 if none was.

    What is learned only raises thresholds: half of the total, SYN and flow, is connections.
    """
    on = float(guard.on_rate or max(DEFAULT_ON_RATE, quiet / 2))
    ceiling = CEILING_TIMES * max(on, quiet)
    return Thresholds(
        on=on,
        off=guard.off_rate or on / OFF_SHARE,
        ceiling=ceiling,
        learned=quiet > on or (not guard.on_rate and on > DEFAULT_ON_RATE),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """What is thought of one service. Times are those of `step`; `last` is when it was too much."""

    attack: bool = False
    since: float = -math.inf
    last: float = -math.inf


def step(
    alarm: Alarm, *, excess: float, total: float, limits: Thresholds, hold: float, now: float
) -> Alarm:
    """What is thought after these rates; `now` never goes back."""
    if not alarm.attack:
        if excess >= limits.on or total >= limits.ceiling:
            return Alarm(attack=True, since=now, last=now)
        return alarm
    if excess >= limits.off:
        return replace(alarm, last=now)
    return Alarm(since=now) if now - alarm.last >= hold else alarm


def excess_of(counts: Floats, settling: npt.NDArray[np.bool_]) -> Floats:
    """Of rows of Counted, as counts or rates.

    `settling`: rows whose flows the data path may not know yet. Those are no strays there.
    """
    of = counts.T
    unanswered = of[Counted.CHALLENGED] + of[Counted.COOKIE]
    unanswered = unanswered - of[Counted.PROVEN] - of[Counted.ANSWERED]
    lost = of[Counted.FIRST_SYN] - of[Counted.SYN]
    # A cookie that came back begins a flow without a SYN.
    apart = of[Counted.SYN] - (of[Counted.NEW] - of[Counted.ANSWERED])
    apart = np.where(settling, np.maximum(apart, 0), np.abs(apart))
    refused = counts[:, _REFUSED].sum(axis=1)
    excess: Floats = np.maximum(unanswered, 0) + np.maximum(lost, 0) + apart + refused
    return excess


def total_of(counts: Floats, settling: npt.NDArray[np.bool_]) -> Floats:
    """SYNs and packets of no known flow, whatever became of them."""
    of = counts.T
    syns = of[Counted.SYN] + of[Counted.CHALLENGED] + of[Counted.FIRST_SYN] + of[Counted.COOKIE]
    strays = of[Counted.NEW] + of[Counted.UNKNOWN_FLOW] + of[Counted.BAD_COOKIE]
    total: Floats = syns + np.where(settling, np.minimum(strays, syns), strays)
    return total


def learn(quiet: float, total: float, *, seconds: float, doubles_in: float, base: float) -> float:
    """The next `quiet`, after `seconds` at `total`.

    It grows by a factor of two in `doubles_in` seconds at the most, from `base` on; 0: at once, of
    clients that have proven themselves.
    """
    faded = quiet * math.exp2(-seconds / HALF_LIFE)
    most = max(quiet, base) * math.exp2(seconds / doubles_in) if doubles_in else math.inf
    return max(faded, min(total, most))
