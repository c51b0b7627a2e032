"""Nanoseconds per packet, ours beside the yardstick; the wrapper's floor is subtracted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accel.model import Protocol
from accel.verdicts import Verdict
from bench.frames import ELSEWHERE4, SERVICE4, SERVICE6, packet
from bench.harness import ROUNDS, Harness, Run, pinned
from bench.report import Result, result
from bench.sides import Ours, Yardstick, parse_floor

_PACKETS = 1 << 16
_FULL = 1 << 20  # what a cache that runs for a while has seen


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
         verdict=Verdict.FORWARD_FLOW, most=0.6),
    Case(name="udp_established_1", frame=packet(SERVICE4, Protocol.UDP), flows=1,
         verdict=Verdict.FORWARD_FLOW, most=0.6),
    Case(name="ipv6_established_1", frame=packet(SERVICE6, Protocol.TCP), flows=1,
         verdict=Verdict.FORWARD_FLOW, most=0.6),
    Case(name="tcp_established_64k", frame=packet(SERVICE4, Protocol.TCP), flows=1 << 16,
         verdict=Verdict.FORWARD_FLOW, most=0.7),
    Case(name="tcp_established_512k", frame=packet(SERVICE4, Protocol.TCP), flows=1 << 19,
         verdict=Verdict.FORWARD_FLOW, most=0.7),
    Case(name="tcp_syn_new", frame=packet(SERVICE4, Protocol.TCP, syn=True), flows=0,
         verdict=Verdict.FORWARD_SYN, most=0.25),
    Case(name="tcp_first_ack", frame=packet(SERVICE4, Protocol.TCP), flows=0,
         verdict=Verdict.FORWARD_NEW, most=0.4),
    Case(name="udp_new", frame=packet(SERVICE4, Protocol.UDP), flows=0,
         verdict=Verdict.FORWARD_NEW, most=0.4),
)  # fmt: skip


def run() -> Iterator[Result]:
    """A ratio for each case, and what comes on top of parsing for what is for no service."""
    with pinned():
        harness = Harness()
        for case in CASES:
            yield compare(harness, case)
        yield not_a_service(harness)


def compare(harness: Harness, case: Case) -> Result:
    """Ours beside the yardstick."""
    if True:
        ours, yardstick = Ours(), Yardstick()
        mine = Run(
            program=ours.program,
            frame=case.frame,
            flows=case.flows,
            packets=_PACKETS,
            seen=lambda o=ours, v=case.verdict: o.seen(v),
        )
        usual = Run(
            program=yardstick.program,
            frame=case.frame,
            flows=case.flows,
            packets=_PACKETS,
            seen=lambda y=yardstick, known=case.flows > 0: y.seen(known=known),
        )
        floor = Run(program=harness.nothing, frame=case.frame, flows=case.flows, packets=_PACKETS)
        for each in (mine, usual):
            harness.go(each, case.flows or _FULL)
        harness.measure((mine, usual, floor))
        cost, reference = mine.best - floor.best, usual.best - floor.best
        answer = result(
            case.name,
            cost / reference,
            "of the yardstick",
            most=case.most,
            rounds=ROUNDS,
            note=f"{cost:.1f} of {reference:.1f} ns",
        )
        harness.forget()
        ours.path.close()
        return answer


def not_a_service(harness: Harness) -> Result:
    """What a packet pays that only passes by."""
    ours, frame = Ours(), packet(ELSEWHERE4, Protocol.TCP)
    mine = Run(
        program=ours.program,
        frame=frame,
        flows=1,
        packets=_PACKETS,
        seen=lambda: ours.seen(Verdict.NOT_SERVICE),
    )
    parse = Run(program=parse_floor(), frame=frame, flows=1, packets=_PACKETS)
    floor = Run(program=harness.nothing, frame=frame, flows=1, packets=_PACKETS)
    harness.measure((mine, parse, floor))
    harness.forget()
    ours.path.close()
    return result(
        "not_a_service",
        mine.best - parse.best,
        "ns over parsing",
        most=20,
        rounds=ROUNDS,
        note=f"{mine.best - floor.best:.1f} ns, parsing {parse.best - floor.best:.1f} ns",
    )
