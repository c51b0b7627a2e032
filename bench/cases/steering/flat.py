"""Does a packet cost the same whatever is configured? 1 to 1,000 services, 2 to 1,000 backends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from ipaddress import ip_address

import numpy as np

from accel.model.placement import PlacedService
from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.cases.steering.packet import measure
from bench.harness.frames import SERVICE4, packet
from bench.harness.programs import Ours, place
from bench.harness.runner import ROUNDS, Harness, Run, ready
from bench.harness.summary import of_the_middle, percent_off_the_middle
from bench.report.results import Result, result

_FRAME = packet(SERVICE4, Protocol.TCP)
_SERVICES = (1, 10, 100, 1000)
_BACKENDS = (2, 10, 100, 300, 1000)
_FLOWS = (64, 1 << 16)  # all in the nearest cache, and most in none


def run() -> Iterator[Result]:
    """How far the costliest and the cheapest are from the middle between them, in percent."""
    with ready() as harness:
        yield from _axis(harness, "services", _SERVICES, [_with_services(n) for n in _SERVICES])
        yield from _axis(harness, "backends", _BACKENDS, [_with_backends(n) for n in _BACKENDS])


def _axis(
    harness: Harness, name: str, counts: Sequence[int], states: Sequence[list[PlacedService]]
) -> Iterator[Result]:
    with ExitStack() as stack:
        sides = [stack.enter_context(closing(Ours(state))) for state in states]
        for flows in _FLOWS:
            yield from _flatness(harness, name, flows, counts, sides)


def _flatness(
    harness: Harness, name: str, flows: int, counts: Sequence[int], sides: Sequence[Ours]
) -> Iterator[Result]:
    runs = [
        Run(
            program=side.program,
            frame=_FRAME,
            flows=flows,
            seen=partial(side.seen, Verdict["FORWARD_FLOW"]),
        )
        for side in sides
    ]
    floor = Run(program=harness.nothing, frame=_FRAME, flows=flows)
    measure(harness, *runs, floor=floor)
    costs = np.array([run.rounds for run in runs]) - floor.best
    usual = np.median(costs, axis=1)
    for count, cost in zip(counts, usual, strict=True):
        yield result(f"{name}_{count}_flows_{flows}", float(cost), "ns", rounds=ROUNDS)
    yield result(
        f"{name}_flat_flows_{flows}",
        percent_off_the_middle(of_the_middle(costs)),
        "% off the middle",
        most=10,
        rounds=ROUNDS,
        note=f"{counts[0]} to {counts[-1]} {name}: {usual.min():.1f} to {usual.max():.1f} ns",
    )


def _with_services(count: int) -> list[PlacedService]:
    """The one that has the packets, and others beside it, ten backends each."""
    others = [
        place(
            ip_address(f"198.18.{i // 250}.{i % 250}"),
            Protocol.TCP,
            index=2 + i,
            first=11 + 10 * i,
            backends=10,
            ring_size=251,
        )
        for i in range(count - 1)
    ]
    return [place(SERVICE4, Protocol.TCP, index=1, first=1, backends=10), *others]


def _with_backends(count: int) -> list[PlacedService]:
    return [place(SERVICE4, Protocol.TCP, index=1, first=1, backends=count)]
