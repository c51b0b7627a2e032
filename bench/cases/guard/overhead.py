"""What a guard costs those packets that it has nothing to do with: the cases of the steering table.

Beside the same program without the guard's steps, over the same maps. Where the kernel puts a
program decides over several percent of it, so of both there are copies, and their mean counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from accel.datapath.guard.actions import OFF, Level, Rule, Stance
from bench.cases.steering.packet import CASES, Case
from bench.harness.programs import THREE, Ours
from bench.harness.runner import Harness, Run
from bench.harness.summary import means
from bench.report.results import Result, result

_COPIES = 10
_FEW = 3  # where there is no bar
_SLICES = 160
_MOST = {"off": 3.0}  # under auto and quiet it may be 8, and is no other
_WATCHED = (Rule.SYN, Rule.UNKNOWN, Rule.FLAGS)
_MONITOR = Stance(levels=dict.fromkeys(_WATCHED, Level.MONITOR))
_ON = Stance(levels=dict.fromkeys(_WATCHED, Level.ON))


@dataclass(frozen=True, kw_only=True)
class _Side:
    name: str
    programs: Sequence[int]
    stance: Stance = OFF


def compare(harness: Harness, ours: Ours) -> Iterator[Result]:
    """The guard off, which is what it is under policy auto too while all is quiet; and on."""
    guarded = [ours.load() for _ in range(_COPIES)]
    sides = [
        _Side(name="without", programs=[ours.unguarded() for _ in range(_COPIES)]),
        _Side(name="off", programs=guarded),
        _Side(name="monitor", programs=guarded[:_FEW], stance=_MONITOR),
        _Side(name="on", programs=guarded[:_FEW], stance=_ON),
    ]
    for number, case in enumerate(CASES):
        # A new flow does not get by a guard that is on.
        yield from _case(harness, ours, number, case, sides if case.flows else sides[:-1])
    ours.path.guards.enforce({placed.index: OFF for placed in THREE})


def _case(
    harness: Harness, ours: Ours, number: int, case: Case, sides: Sequence[_Side]
) -> Iterator[Result]:
    runs = [
        Run(
            program=program,
            frame=case.frame,
            flows=case.flows,
            before=partial(ours.path.guards.enforce, {p.index: side.stance for p in THREE}),
        )
        for side in sides
        for program in side.programs
    ]
    for i, run in enumerate(runs):
        # No run goes over the flows that the one before it has just brought into the caches.
        run.next = case.flows * i // len(runs) if case.flows else (number * 32 + i) << 24
    floor = Run(program=harness.nothing, frame=case.frame, flows=case.flows)
    *costs, nothing = harness.compare([*runs, floor], _SLICES)
    by_side = means(costs, [len(side.programs) for side in sides])
    without, *others = [mean - nothing for mean in by_side]
    for side, cost in zip(sides[1:], others, strict=True):
        yield result(
            f"guard_{side.name}_{case.name}",
            100 * (cost / without - 1),
            "% more",
            most=_MOST.get(side.name),
            rounds=_SLICES,
            note=f"{cost:.1f} ns; without its steps {without:.1f} ns",
        )
