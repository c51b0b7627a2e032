"""Nanoseconds per packet, ours beside the yardstick; the wrapper's floor is subtracted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.harness.frames import ELSEWHERE4, SERVICE4, SERVICE6, packet
from bench.harness.programs import Ours, Yardstick, parse_floor
from bench.harness.runner import ROUNDS, Harness, Run, ready
from bench.report.results import Result, result

_FULL = 1 << 20  # what a cache that has been running for a while has seen
_GROWTH = tuple(1 << bits for bits in range(0, 22, 3))  # flows: 1 to 2M


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: `flows` 0 is a new flow in every packet; `most` is the bar, ours / yardstick."""

    name: str
    frame: bytes
    flows: int
    verdict: Verdict
    most: float


CASES = (
    Case(name="tcp_established_1", frame=packet(SERVICE4, Protocol.TCP), flows=1,
         verdict=Verdict["FORWARD_FLOW"], most=0.6),
    Case(name="udp_established_1", frame=packet(SERVICE4, Protocol.UDP), flows=1,
         verdict=Verdict["FORWARD_FLOW"], most=0.6),
    Case(name="ipv6_established_1", frame=packet(SERVICE6, Protocol.TCP), flows=1,
         verdict=Verdict["FORWARD_FLOW"], most=0.6),
    Case(name="tcp_established_64k", frame=packet(SERVICE4, Protocol.TCP), flows=1 << 16,
         verdict=Verdict["FORWARD_FLOW"], most=0.7),
    Case(name="tcp_established_512k", frame=packet(SERVICE4, Protocol.TCP), flows=1 << 19,
         verdict=Verdict["FORWARD_FLOW"], most=0.7),
    Case(name="tcp_syn_new", frame=packet(SERVICE4, Protocol.TCP, syn=True), flows=0,
         verdict=Verdict["FORWARD_SYN"], most=0.25),
    Case(name="tcp_first_ack", frame=packet(SERVICE4, Protocol.TCP), flows=0,
         verdict=Verdict["FORWARD_NEW"], most=0.4),
    Case(name="udp_new", frame=packet(SERVICE4, Protocol.UDP), flows=0,
         verdict=Verdict["FORWARD_NEW"], most=0.4),
)  # fmt: skip


def run() -> Iterator[Result]:
    """A ratio for each case, and what comes on top of parsing for what is for no service."""
    with ready() as harness, closing(Ours()) as ours:
        yardstick = Yardstick()
        for number, case in enumerate(CASES, start=1):
            first = 0 if case.flows else number << 24  # new to every case
            mine = Run(program=ours.program, frame=case.frame, flows=case.flows, next=first)
            theirs = Run(program=yardstick.program, frame=case.frame, flows=case.flows, next=first)
            mine.seen = partial(ours.seen, case.verdict)
            theirs.seen = partial(yardstick.seen, known=case.flows > 0)
            cost, usual = measure(harness, mine, theirs)
            yield result(
                case.name,
                cost / usual,
                "of the yardstick",
                most=case.most,
                rounds=ROUNDS,
                note=f"{cost:.1f} of {usual:.1f} ns",
            )
        yield _not_a_service(harness, ours)


def growth() -> Iterator[Result]:
    """Established TCP over 1 to 2M flows, twice as many as were expected."""
    with ready() as harness, closing(Ours()) as ours:
        yardstick = Yardstick()
        frame = packet(SERVICE4, Protocol.TCP)
        for flows in _GROWTH:
            cost, usual = measure(
                harness,
                Run(program=ours.program, frame=frame, flows=flows),
                Run(program=yardstick.program, frame=frame, flows=flows),
                rounds=5,
            )
            yield result(f"flows_{flows}", cost, "ns", rounds=5, note="established TCP")
            yield result(f"yardstick_flows_{flows}", usual, "ns", rounds=5, note="the same")


def measure(
    harness: Harness, *runs: Run, rounds: int = ROUNDS, floor: Run | None = None
) -> tuple[float, ...]:
    """ns per packet of each run, net of the wrapper with the same packets."""
    first = runs[0]
    floor = floor or Run(program=harness.nothing, frame=first.frame, flows=first.flows)
    for run in runs:
        harness.go(run, run.flows or _FULL)
    harness.measure((*runs, floor), rounds)
    return tuple(run.best - floor.best for run in runs)


def _not_a_service(harness: Harness, ours: Ours) -> Result:
    """What a packet pays that only passes by."""
    frame = packet(ELSEWHERE4, Protocol.TCP)
    mine, parsing = measure(
        harness,
        Run(
            program=ours.program,
            frame=frame,
            flows=1,
            seen=partial(ours.seen, Verdict["NOT_SERVICE"]),
        ),
        Run(program=parse_floor(), frame=frame, flows=1),
    )
    return result(
        "not_a_service",
        mine - parsing,
        "ns over parsing",
        most=20,
        rounds=ROUNDS,
        note=f"{mine:.1f} ns, parsing {parsing:.1f} ns",
    )
