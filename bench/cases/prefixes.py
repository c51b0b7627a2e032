"""What a denied packet costs with a million prefixes loaded, beside parsing and dropping it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from ipaddress import ip_network

import numpy as np

from accel.datapath.datapath import DataPath
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.placement import Limits
from accel.model.prefix_columns import V4, Prefixes
from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.harness.frames import SERVICE4, SERVICE6, packet
from bench.harness.programs import THREE, Ours, parse_floor
from bench.harness.runner import ROUNDS, Harness, Run, ready
from bench.report.results import Result, result

MILLION = 1 << 20
_APART_BITS = 12  # a source of every 4096 addresses: sixteen in each /16
_FIRST = 0x0A000000  # of the wrapper's clients
_CLIENTS6 = ip_network("2001:db8:c::/48")
_SOURCES = (1, 1 << 10, 1 << 15, MILLION)


def run() -> Iterator[Result]:
    """One source that comes again and again, as in a flood; then many, whose lines are cold."""
    with ready() as harness, closing(Ours(limits=Limits(prefixes=MILLION))) as ours:
        load_million(ours.path)
        ours.path.guards.enforce(
            {placed.index: Stance(levels={Rule.PREFIX: Level.ON}) for placed in THREE}
        )
        yield from _costs(harness, ours)


def load_million(path: DataPath) -> None:
    """Deny a million IPv4 addresses, `_APART_BITS` apart from the wrapper's first client on.

    The last one of the million is the IPv6 prefix of all clients.
    """
    addresses = np.arange(MILLION, dtype=np.uint64) << np.uint64(_APART_BITS)
    addresses = (addresses + np.uint64(_FIRST)) & np.uint64(0xFFFFFFFF)
    listed = Prefixes(
        high=np.zeros(MILLION, np.uint64),
        low=addresses | np.uint64(V4),
        cut=np.zeros(MILLION, np.uint8),
        deny=np.ones(MILLION, np.bool_),
    )
    six = Prefixes.of([(_CLIENTS6, True)])
    listed.high[-1], listed.low[-1], listed.cut[-1] = six.high[0], six.low[0], six.cut[0]
    path.prefixes.plan(listed, only=True)()


def _costs(harness: Harness, ours: Ours) -> Iterator[Result]:
    frame = packet(SERVICE4, Protocol.TCP)
    floor = parse_floor()
    seen = partial(ours.seen, Verdict["DENIED"])
    denied, parsed = (
        [
            Run(
                program=program,
                frame=frame,
                flows=sources,
                port_bits=0,
                apart_bits=_APART_BITS,
                seen=met,
            )
            for sources in _SOURCES
        ]
        for program, met in ((ours.program, seen), (floor, None))
    )
    frame6 = packet(SERVICE6, Protocol.TCP)
    denied6 = Run(program=ours.program, frame=frame6, flows=1, port_bits=0, seen=seen)
    parsed6 = Run(program=floor, frame=frame6, flows=1, port_bits=0)
    harness.measure([*denied, denied6, *parsed, parsed6])
    yield result(
        "denied_ipv6",
        denied6.best - parsed6.best,
        "ns over parsing",
        most=30,
        rounds=ROUNDS,
        note="a source in a denied /48, a million prefixes",
    )
    for sources, mine, parsing in zip(_SOURCES, denied, parsed, strict=True):
        yield result(
            f"denied_{sources}",
            mine.best - parsing.best,
            "ns over parsing",
            most=30 if sources == 1 else None,
            rounds=ROUNDS,
            note=f"a million prefixes, {sources} of them sending",
        )
