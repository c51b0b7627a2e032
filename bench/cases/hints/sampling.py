"""What it costs that new flows of a service with hints are sampled: nothing once they are settled.

The same program over the same maps, told before each slice whether it samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from accel.model.hints import Affinity, Hints, HintUse, Learn
from accel.model.service import Protocol
from bench.cases.steering.packet import CASES, Case
from bench.harness.programs import THREE, Ours
from bench.harness.runner import Harness, Run, ready
from bench.report.results import Result, result

_NAMES = ("tcp_established_1", "tcp_established_64k", "tcp_syn_new", "tcp_first_ack")
_SLICES = 400
_SHARES = (0.0, 1.0, 100.0)  # percent of the new flows
_MOST = {1.0: 3.0}
_WARM_UP = 8  # packets of each flow: so many it says until it is settled, and two more


def run() -> Iterator[Result]:
    """Each case of TCP over IPv4, with hints that are learned and without."""
    with ready() as harness, closing(Ours()) as ours:
        for number, case in enumerate(CASES):
            if case.name in _NAMES:
                for learn in (Learn.OFF, Learn.ALL):
                    yield from _case(harness, ours, number, case, learn)


def _case(harness: Harness, ours: Ours, number: int, case: Case, learn: Learn) -> Iterator[Result]:
    index = next(p.index for p in THREE if p.service.protocol is Protocol.TCP)

    def use(share: float) -> None:
        hints = Hints(affinity=Affinity.CLIENT, learn=learn, bound=0, sample=share)
        ours.path.hint_settings.set({index: HintUse(hints=hints)})

    use(1)  # the program that is attached while there are hints
    runs = [
        Run(
            program=ours.program,
            frame=case.frame,
            flows=case.flows,
            # No run goes over the flows that the one before it has just brought into the caches.
            next=case.flows * i // len(_SHARES)
            if case.flows
            else (number * 8 + learn * 3 + i) << 24,
            before=partial(use, share),
        )
        for i, share in enumerate(_SHARES)
    ]
    for one in runs:
        use(100)
        harness.go(one, _WARM_UP * max(case.flows, 1 << 10))
    floor = Run(program=harness.nothing, frame=case.frame, flows=case.flows)
    without, *costs, nothing = harness.compare([*runs, floor], _SLICES)
    for share, cost in zip(_SHARES[1:], costs, strict=True):
        ours_, usual = cost - nothing, without - nothing
        yield result(
            f"sample_{share:.0f}_learn_{learn.name.lower()}_{case.name}",
            100 * (ours_ / usual - 1),
            "% more",
            most=_MOST.get(share),
            rounds=_SLICES,
            note=f"{ours_:.1f} ns; without samples {usual:.1f} ns",
        )
