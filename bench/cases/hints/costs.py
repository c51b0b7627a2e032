"""What hints cost: a new flow that follows one, one that has none, a flow that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network

import numpy as np

from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.programs import GATEWAY_HINT
from accel.model.hints import Affinity, Hints, HintUse, Kind, Learn, QuicId
from accel.model.placement import Limits
from accel.model.prefix_columns import V4
from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.harness.frames import SERVICE4, packet
from bench.harness.programs import THREE, Ours
from bench.harness.pushing import Pusher
from bench.harness.runner import MET, ROUNDS, STEP, Harness, Run, ready
from bench.harness.summary import Costs, means, of_the_middle, ratio
from bench.report.results import Result, result

_SYN = packet(SERVICE4, Protocol.TCP, syn=True)
_ACK = packet(SERVICE4, Protocol.TCP)
_DATAGRAM = packet(SERVICE4, Protocol.UDP)
_TCP, _UDP = THREE[:2]
_FIRST = 0x0A000000  # of the wrapper's clients
_MILLION = 1 << 20
_LIMITS = Limits(hints=_MILLION)
_CLIENTS = 1 << 10  # that send, where the number of hints is not what is measured
_COUNTS = (1, 1 << 10, 1 << 15, _MILLION)
_FLOWS_BITS = 32  # flows that the wrapper can tell apart, to the power of two
_COPIES, _SLICES = 6, 160
_OPENINGS = 1 << 12  # connections that are under way at the same time
_PLAIN = Hints(holdout=0, bound=0, sample=0)
_EVERYTHING = Hints(
    affinity=Affinity.CLIENT,
    learn=Learn.ALL,
    warm=True,
    holdout=2,
    bound=1.5,
    floor=1_000_000,
    sample=0,
    quic=(QuicId(rotation=0, server_id_length=4, nonce_length=4),),
)
_ALL_KINDS = Kind.PUSHED | Kind.PREFIX


@dataclass(frozen=True, kw_only=True)
class _New:
    """New flows of so many clients, one in each packet."""

    name: str
    frame: bytes
    index: int
    verdict: str


_NEW = (
    _New(name="syn", frame=_SYN, index=_TCP.index, verdict="FORWARD_SYN"),
    _New(name="udp", frame=_DATAGRAM, index=_UDP.index, verdict="FORWARD_NEW"),
)


def run() -> Iterator[Result]:
    """Ratios are medians of those of each round: what disturbs one side disturbs the other."""
    with ready() as harness, ExitStack() as stack:
        plain, hinted, crowded = (
            stack.enter_context(closing(Ours(limits=_LIMITS))) for _ in range(3)
        )
        _push(hinted, _CLIENTS)
        _push(crowded, _MILLION)
        yield from _hits(harness, plain, hinted)
        yield from _openings(harness, plain, hinted)
        yield from _known(harness, plain, hinted)
        yield from _flat(harness, stack, crowded)
        yield from _misses(harness, plain, stack)


def _push(ours: Ours, count: int, hints: Hints = _PLAIN) -> None:
    """Hints for as many of the wrapper's clients, of both services, all over their backends."""
    pusher = Pusher(ours.path)
    for placed in (_TCP, _UDP):
        ours.path.hint_settings.set({placed.index: HintUse(hints=hints, there=Kind.PUSHED)})
        clients = np.arange(_FIRST, _FIRST + count, dtype=np.uint64) | np.uint64(V4)
        if placed is _TCP or count <= _MILLION // 2:
            pusher.push(placed, clients)


def _new(ours: Ours, new: _New, clients: int, *, outcome: HintOutcome | None = None) -> Run:
    """Of each client as many flows as there are ports, or can be told apart."""
    bits = min(15, _FLOWS_BITS - (clients - 1).bit_length())
    seen = partial(ours.seen, Verdict[new.verdict])
    if outcome is not None:
        seen = partial(_counted, ours, new.index, outcome)
    return Run(
        program=ours.program, frame=new.frame, flows=clients << bits, port_bits=bits, seen=seen,
    )  # fmt: skip


def _openings(harness: Harness, plain: Ours, hinted: Ours) -> Iterator[Result]:
    """A TCP connection as it opens, SYN and first ACK: one of them stores the flow, either way.

    A few thousand SYNs, then their ACKs: what is stored at a SYN is not there for long without.
    """
    runs: list[Run] = []
    for ours, verdict in ((plain, "FORWARD_NEW"), (hinted, "FORWARD_FLOW")):
        syn = replace(_new(ours, _NEW[0], _CLIENTS), seen=None)
        ack = replace(syn, frame=_ACK, seen=partial(ours.seen, Verdict[verdict]))
        runs += [syn, ack]
    floor = replace(runs[0], program=harness.nothing)
    before = [run.seen() if run.seen else 0 for run in runs]
    took = np.array(
        [[harness.go(run, _OPENINGS, step=STEP) for run in (*runs, floor)] for _ in range(_SLICES)]
    )
    for run, first in zip(runs, before, strict=True):
        if run.seen and (met := run.seen() - first) < MET * _OPENINGS * _SLICES:
            raise AssertionError(f"only {met} ACKs met what they were to meet")
    costs = took[:, :4] - np.median(took[:, 4])
    without, hit = costs[:, :2].sum(axis=1), costs[:, 2:].sum(axis=1)
    yield result(
        "hint_hit_tcp", ratio(hit, without), "of no hints", most=1.15, rounds=_SLICES,
        note=f"SYN and first ACK: {np.median(hit):.0f} of {np.median(without):.0f} ns",
    )  # fmt: skip


def _counted(ours: Ours, index: int, outcome: HintOutcome) -> int:
    return ours.path.hints.counts(index).outcomes[outcome]


def _hits(harness: Harness, plain: Ours, hinted: Ours) -> Iterator[Result]:
    for new in _NEW:
        runs = [
            _new(plain, new, _CLIENTS),
            _new(hinted, new, _CLIENTS, outcome=HintOutcome["PUSHED"]),
        ]
        costs = _measure(harness, runs)
        without, hit = np.median(costs, axis=1)
        yield result(
            f"hint_hit_{new.name}", ratio(costs[1], costs[0]), "of no hints", most=1.15,
            rounds=ROUNDS, note=f"{hit:.0f} of {without:.0f} ns, {_CLIENTS} clients",
        )  # fmt: skip


def _measure(harness: Harness, runs: Sequence[Run]) -> Costs:
    """ns of each run and round, net of the wrapper with the same packets."""
    floor = replace(runs[0], program=harness.nothing, seen=None, rounds=[])
    harness.measure([*runs, floor])
    return np.array([run.rounds for run in runs]) - floor.best


def _known(harness: Harness, plain: Ours, hinted: Ours) -> Iterator[Result]:
    """Where the kernel puts a program decides over some percent of it: copies, and their mean."""
    for flows in (1, 1 << 16):
        programs = [plain.load() for _ in range(_COPIES)]
        programs += [hinted.path._maps.load(GATEWAY_HINT) for _ in range(_COPIES)]
        runs = [Run(program=program, frame=_ACK, flows=flows) for program in programs]
        for i, run_ in enumerate(runs):
            run_.next = flows * i // len(runs)
        floor = Run(program=harness.nothing, frame=_ACK, flows=flows)
        *costs, nothing = harness.compare([*runs, floor], _SLICES)
        without, known = (mean - nothing for mean in means(costs, [_COPIES, _COPIES]))
        yield result(
            f"hint_known_{flows}", 100 * (known / without - 1), "% more", most=3, rounds=_SLICES,
            note=f"{known:.1f} ns; without hints {without:.1f} ns",
        )  # fmt: skip


def _flat(harness: Harness, stack: ExitStack, crowded: Ours) -> Iterator[Result]:
    """From one hint to a million: the same clients send, then all that have one.

    The one hint is that of all clients (their first eight bits), and so always near.
    """
    sides = []
    for count in _COUNTS[:-1]:
        ours = stack.enter_context(closing(Ours(limits=_LIMITS)))
        _push(ours, count, replace(_PLAIN, key4=8) if count == 1 else _PLAIN)
        sides.append(ours)
    sides.append(crowded)
    new = _NEW[0]
    hit = HintOutcome["PUSHED"]
    few = [_new(ours, new, _CLIENTS, outcome=hit) for ours in sides]
    costs = _measure(harness, few)
    off = of_the_middle(costs)
    usual = np.median(costs, axis=1)
    for count, cost in zip(_COUNTS, usual, strict=True):
        yield result(f"hint_of_{count}", float(cost), "ns", rounds=ROUNDS,
                     note=f"SYNs of {_CLIENTS} clients")  # fmt: skip
    yield result(
        "hint_flat", float(off.max() / off.min()), "dearest of cheapest", most=1.15, rounds=ROUNDS,
        note=f"1 to {_MILLION} hints, {usual.min():.0f} to {usual.max():.0f} ns",
    )  # fmt: skip
    every = _new(crowded, new, _MILLION, outcome=hit)
    costs = _measure(harness, [replace(few[-1], rounds=[]), every])
    yield result(
        "hint_cold", float(np.median(costs[1] - costs[0])), "ns more", rounds=ROUNDS,
        note=f"all of {_MILLION} clients send: a cold line each",
    )  # fmt: skip


def _misses(harness: Harness, plain: Ours, stack: ExitStack) -> Iterator[Result]:
    ours = stack.enter_context(closing(Ours(limits=_LIMITS)))
    pusher = Pusher(ours.path)
    for placed in (_TCP, _UDP):
        ours.path.hint_settings.set({placed.index: HintUse(hints=_EVERYTHING, there=_ALL_KINDS)})
        pusher.push_prefix(placed, ip_network("192.0.2.0/24"))
    for new in _NEW:
        runs = [_new(side, new, _CLIENTS) for side in (plain, ours)]
        costs = _measure(harness, runs)
        without, miss = np.median(costs, axis=1)
        yield result(
            f"hint_miss_{new.name}", ratio(costs[1], costs[0]), "of no hints",
            rounds=ROUNDS, note=f"every kind on: {miss:.0f} of {without:.0f} ns",
        )  # fmt: skip
