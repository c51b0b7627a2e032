"""What the guard's answers cost per packet, beside parsing and nothing more."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.local_cookies import Option
from accel.model.address import Address
from accel.model.guard import GuardMode, Rate
from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.cases.guard import overhead
from bench.harness.frames import LINUX_OPTIONS, SERVICE4, SERVICE6, packet, segment
from bench.harness.programs import THREE, Ours, parse_floor
from bench.harness.runner import ROUNDS, Harness, Run, ready
from bench.report.results import Result, result

_ODD_OPTIONS = bytes.fromhex(
    "01010101 020405b4 01030307 04020101 01010101 080a0000000100000000 0101"
)
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_MANY = Rate(per_second=1_000_000, burst=600_000_000)  # nobody reaches it
_AUTH = Stance(levels={Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON})
_RETRANSMIT = replace(_AUTH, mode=GuardMode.RETRANSMIT)
_LOCAL = replace(_AUTH, mode=GuardMode.COOKIE_LOCAL, options=~Option.NONE)
_COOKIES = replace(_AUTH, mode=GuardMode.COOKIE_BACKEND)
_PACED = replace(
    _AUTH,
    levels={**_AUTH.levels, Rule.SYN_RATE: Level.ON, Rule.UDP_RATE: Level.ON},
    rates=(_MANY, Rate(), _MANY, Rate(), Rate(), Rate()),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: each flow has a source of its own, if not 2 to the power of `port_bits` share one.

    Packets are of new flows if `flows` is 0. `most` is the bar in ns, net of the wrapper.
    """

    name: str
    frame: bytes
    verdict: str
    flows: int = 0
    port_bits: int = 0
    stance: Stance = _AUTH
    answers: bool = True
    most: float | None = None
    note: str = ""


def run() -> Iterator[Result]:
    """The answers, all in turn; then the steering table with the guard off and on."""
    with ready() as harness, closing(Ours()) as ours:
        yield from _answers(harness, ours)
        yield from overhead.compare(harness, ours)


def _cases(ours: Ours) -> list[Case]:
    syn4, syn6 = (segment(s, _SYN, options=LINUX_OPTIONS) for s in (SERVICE4, SERVICE6))
    return [
        Case(name="challenge", frame=syn4, verdict="CHALLENGED", most=200,
             note="a SYN of a new source each, with the usual Linux options"),
        Case(name="challenge_ipv6", frame=syn6, verdict="CHALLENGED", most=200, note="the same"),
        Case(name="proof", frame=_proof(ours, SERVICE4), verdict="PROVEN", flows=1,
             note="the RST that answers a challenge"),
        Case(name="false_proof", frame=segment(SERVICE4, _RST, seq=1), verdict="UNKNOWN_FLOW",
             note="an RST that answers none, of a new source each"),
        Case(name="stray", frame=segment(SERVICE4, _ACK, ack=1), verdict="UNKNOWN_FLOW",
             note="an ACK of no known flow, of a new source each"),
        Case(name="own_cookie", frame=syn4, verdict="COOKIE", stance=_COOKIES, most=200,
             note="a SYN of a new source each, with the usual Linux options"),
        Case(name="own_cookie_ipv6", frame=syn6, verdict="COOKIE", stance=_COOKIES, most=200,
             note="the same"),
        Case(name="own_cookie_odd", frame=segment(SERVICE4, _SYN, options=_ODD_OPTIONS),
             verdict="COOKIE", stance=_COOKIES, note="options that take the loop"),
        Case(name="cookie_check", frame=segment(SERVICE4, _ACK, ack=1), verdict="BAD_COOKIE",
             flows=1 << 10, stance=_COOKIES, most=150,
             note="an ACK with a false cookie, of 1,024 sources"),
        Case(name="first_syn", frame=syn4, verdict="FIRST_SYN", stance=_RETRANSMIT,
             note="mode retransmit, of a new source each"),
        Case(name="local_cookie", frame=syn4, verdict="COOKIE", stance=_LOCAL,
             note="the kernel's own SYN cookie, of a new source each, with the usual options"),
        Case(name="local_cookie_ipv6", frame=syn6, verdict="COOKIE", stance=_LOCAL,
             note="the same"),
        Case(name="no_local_cookie", frame=segment(SERVICE4, _ACK, ack=1), verdict="BAD_COOKIE",
             stance=_LOCAL, note="an ACK that the kernel checks in vain, of a new source each"),
        Case(name="proven_syn_paced", frame=syn4, verdict="FORWARD_SYN", flows=1 << 15,
             port_bits=15, stance=_PACED, answers=False,
             note="one proven source, within its rate"),
        Case(name="udp_paced", frame=packet(SERVICE4, Protocol.UDP), verdict="FORWARD_FLOW",
             flows=1, stance=_PACED, answers=False, note="a known flow, within its source's rate"),
    ]  # fmt: skip


def _answers(harness: Harness, ours: Ours) -> Iterator[Result]:
    cases = _cases(ours)
    _set(ours, _AUTH)
    harness.go(Run(program=ours.program, frame=cases[2].frame, flows=1), 1)
    runs = [_run(harness, ours, case, number) for number, case in enumerate(cases)]
    floors = {
        answers: Run(program=harness.nothing, frame=cases[0].frame, flows=1, answers=answers)
        for answers in (False, True)
    }
    parsing = Run(program=parse_floor(), frame=cases[0].frame, flows=0, port_bits=0, answers=True)
    harness.measure([*runs, *floors.values(), parsing])
    parse = parsing.best - floors[True].best
    yield result("parse_drop", parse, "ns", rounds=ROUNDS, note="parsing, and nothing more")
    for case, measured in zip(cases, runs, strict=True):
        cost = measured.best - floors[case.answers].best
        note = f"{case.note}; {cost - parse:.0f} ns over parsing"
        yield result(f"guard_{case.name}", cost, "ns", most=case.most, rounds=ROUNDS, note=note)


def _run(harness: Harness, ours: Ours, case: Case, number: int) -> Run:
    return Run(
        program=ours.program,
        frame=case.frame,
        flows=case.flows,
        next=0 if case.flows else number << 26,
        port_bits=case.port_bits,
        answers=case.answers,
        before=partial(_set, ours, case.stance),
        seen=partial(ours.seen, Verdict[case.verdict]),
    )


def _set(ours: Ours, stance: Stance) -> None:
    ours.path.guards.enforce({placed.index: stance for placed in THREE})


def _proof(ours: Ours, service: Address) -> bytes:
    """The RST of the first flow's client to what it is answered with."""
    _set(ours, _AUTH)
    answer = ours.path.run(segment(service, _SYN)).frame
    (number,) = struct.unpack_from("!I", answer, 42 if service.version == 4 else 62)
    return segment(service, _RST, seq=number)
