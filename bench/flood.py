"""Floods on the wire: what a SYN costs, how many of them real clients do not notice, what passes.

Ours beside nftables' synproxy, SYN cookies of the backend's kernel, and no defence, in turn.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

from accel.guard import OFF, GuardMode, Level, Rate, Rule, Stance
from accel.lab.flood import Flood, Kind
from accel.verdicts import Verdict
from bench.flood_load import COUNT, Visit, visit
from bench.flood_net import CLIENTS, FLOOD, FLOOD_CPU, Network, Side
from bench.report import Result, result

_COST_ROUNDS = 7
_COST_FRAMES = 1 << 16
_LOWEST, _HIGHEST = 25_000, 6_400_000  # frames per second
_HALVINGS = 2
_ATTEMPTS = 3  # what else runs here makes a trial worse, and never better
_PATIENCE = 4.0
_QUIET, _FULL = 3, 3  # trials without a flood, and with as much of it as goes
_SETTLE = 0.05  # seconds from a flood's start to the first client
_SPOOFED = 1 << 20
_BOTS = [ip_network(f"198.18.{8 * i}.0/21") for i in range(5)]  # 10,240 addresses
_BOT_RATE = Rate(per_second=1, burst=1)
_BOT_SYNS = 200_000
_BOT_SECONDS = 3.0
_LEVELS = {Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON}
_STANCES = {
    "auth": Stance(levels=_LEVELS),
    "cookie": Stance(levels=_LEVELS, mode=GuardMode.COOKIE_BACKEND),
}
_new_clients = itertools.count(int(CLIENTS.network_address) + 1)


def run() -> Iterator[Result]:
    """All sides stand side by side; clients and backends on one CPU, the flood on the other."""
    with _first(), _on(max(os.sched_getaffinity(0))), Network() as network:
        floor = network.drop("floor")
        auth, cookie = network.ours("auth"), network.cookies("cookie")
        nft = network.synproxy("nft")
        kernel = network.server("kernel", cookies=2)
        none = network.server("none", cookies=0)
        for side in (auth, cookie):
            _set(side, _STANCES[side.name])
        yield from _costs(network, floor, [auth, cookie, nft, kernel, none])
        yield from _limits(network, [auth, cookie, nft, kernel, none])
        yield from _shares(network, auth, cookie)


# What a SYN costs


def _costs(network: Network, floor: Side, sides: Sequence[Side]) -> Iterator[Result]:
    took: dict[str, list[float]] = {side.name: [] for side in (floor, *sides)}
    for number in range(_COST_ROUNDS):
        for side in (floor, *sides):
            took[side.name].append(_cost(network, side, number))
    cost = {
        name: statistics.median(a - b for a, b in zip(each, took[floor.name], strict=True))
        for name, each in took.items()
    }
    drop = statistics.median(took[floor.name])
    for side in sides:
        of = {name: cost[side.name] / cost[name] for name in ("nft", "kernel")}
        note = f"above the {drop:.0f} ns of a drop"
        if side.ours:
            note += f"; {of['nft']:.2f} of nft synproxy's, {of['kernel']:.2f} of the kernel's"
        yield result(f"flood_cost_{side.name}", cost[side.name], "ns per SYN", note=note)
        if side.ours:
            yield result(
                f"flood_cost_{side.name}_share",
                max(of.values()),
                "of the cheaper one",
                most=1 / 3,
                rounds=_COST_ROUNDS,
                note="CPU per SYN above the drop, of nft synproxy's and the kernel's cookies",
            )


def _cost(network: Network, side: Side, seed: int) -> float:
    """ns of the CPU per SYN: the sender's thread does all of it, in softirqs of its own."""
    flood = _flood(network, side, Kind.SYN, most=_COST_FRAMES, seed=seed)
    came = side.came()
    with network.edge.entered(), _on(FLOOD_CPU):
        start = time.thread_time_ns() + _softirq_thread()
        flood._send()
        took = time.thread_time_ns() + _softirq_thread() - start
    os.close(flood._program)
    if (came := side.came() - came) < 0.99 * _COST_FRAMES:
        raise AssertionError(f"only {came} of {_COST_FRAMES} frames came to {side.name}")
    return took / _COST_FRAMES


# How much of it real clients do not notice


@dataclass(kw_only=True)
class _Limit:
    """Where a side's clients begin to notice: between what passed and what failed."""

    side: Side
    bound: float  # of p99, in seconds
    asked: float = _LOWEST
    passed: float = 0.0  # frames per second that really came
    passed_asked: float = 0.0
    failed: float = 0.0
    halvings: int = 0
    attempts: int = 0
    over: bool = False

    def judge(self, seen: Visit, came: float) -> None:
        """Take a trial's outcome, and say what is to be asked next."""
        self.attempts += 1
        good = seen.answered == COUNT and seen.p99 <= self.bound
        if not good and self.attempts < _ATTEMPTS:
            return
        self.attempts = 0
        if good:
            self.passed, self.passed_asked = max(self.passed, came), self.asked
        else:
            self.failed = self.asked
        full = good and came < 0.7 * self.asked  # the core is full: more cannot be asked
        if not self.failed:
            self.asked *= 2
            self.over = full or self.asked > _HIGHEST
        else:
            self.halvings += 1
            self.asked = ((self.passed_asked or self.failed / 4) * self.failed) ** 0.5
            self.over = full or self.halvings > _HALVINGS


def _limits(network: Network, sides: Sequence[Side]) -> Iterator[Result]:
    bounds: dict[str, float] = {}
    for side, usual, bound in _bounds(network, sides):
        bounds[side.name] = bound
        note = f"nobody floods: p99 of connecting; with a flood {1000 * bound:.2f} ms is the bound"
        yield result(f"flood_quiet_{side.name}", 1000 * usual, "ms", rounds=_QUIET, note=note)
    for kind in (Kind.SYN, Kind.ACK, Kind.RST, Kind.MIXED):
        compared = sides if kind is Kind.SYN else [s for s in sides if s.ours or s.name == "nft"]
        limits = [_Limit(side=side, bound=bounds[side.name]) for side in compared]
        while some := [limit for limit in limits if not limit.over]:
            for limit in some:
                limit.judge(*_trial(network, limit.side, kind, int(limit.asked)))
        yield from _compared(kind, limits)
        yield from _beyond(network, kind, compared)


def _compared(kind: Kind, limits: Sequence[_Limit]) -> Iterator[Result]:
    theirs = next(limit.passed for limit in limits if limit.side.name == "nft")
    for limit in limits:
        name = f"flood_{kind.name.lower()}_{limit.side.name}"
        note = f"with it {COUNT} of {COUNT} connect, p99 within {1000 * limit.bound:.2f} ms"
        yield result(name, limit.passed / 1000, "k frames/s", note=note)
        if limit.side.ours:
            note = "so much more of it than with nft synproxy"
            ratio = limit.passed / theirs if theirs else 0.0
            yield result(f"{name}_of_nft", ratio, "times", least=4, note=note)


def _beyond(network: Network, kind: Kind, sides: Sequence[Side]) -> Iterator[Result]:
    """As many as the core makes and defends against: connections may take longer, none may fail."""
    came: dict[str, list[float]] = {side.name: [] for side in sides}
    seen: dict[str, list[Visit]] = {side.name: [] for side in sides}
    for _ in range(_FULL):
        for side in sides:
            visited, rate = _trial(network, side, kind, 0)
            came[side.name].append(rate)
            seen[side.name].append(visited)
    for side in sides:
        name = f"flood_{kind.name.lower()}_{side.name}_full"
        answered = [one.answered for one in seen[side.name]]
        waited = 1000 * statistics.median(one.p99 for one in seen[side.name])
        most = statistics.median(came[side.name])
        note = f"as fast as one core sends and defends; p99 {waited:.1f} ms; "
        note += f"{min(answered)} to {max(answered)} of {COUNT} are answered"
        yield result(name, most / 1000, "k frames/s", rounds=_FULL, note=note)
        if side.ours:
            failed = COUNT * _FULL - sum(answered)
            yield result(f"{name}_failed", failed, "failed", most=0, rounds=_FULL)


def _bounds(network: Network, sides: Sequence[Side]) -> Iterator[tuple[Side, float, float]]:
    """p99 of connecting while nobody floods, and how long it may be in a flood, in seconds."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    unguarded: list[float] = []
    for _ in range(_QUIET):
        for side in sides:
            took[side.name] += _visit(network, side).took
            if side.name == "auth":
                _set(side, OFF)
                unguarded += _visit(network, side).took
                _set(side, _STANCES[side.name])
    for side in sides:
        usual = _p99(took[side.name])
        # One challenge round trip on top of twice the time that it takes without.
        yield side, usual, usual + _p99(unguarded) if side.name == "auth" else 2 * usual


def _trial(network: Network, side: Side, kind: Kind, rate: int) -> tuple[Visit, float]:
    """What clients see of a flood, and how many frames per second of it came meanwhile."""
    with _flood(network, side, kind, rate=rate, cpu=FLOOD_CPU):
        time.sleep(_SETTLE)
        came, start = side.came(), time.monotonic()
        visited = _visit(network, side)
        return visited, (side.came() - came) / (time.monotonic() - start)


def _visit(network: Network, side: Side) -> Visit:
    sources = [IPv4Address(next(_new_clients)) for _ in range(COUNT)]
    with network.clients.entered():
        return visit(sources, side.address, patience=_PATIENCE)


# What of it comes to the backends


def _shares(network: Network, auth: Side, cookie: Side) -> Iterator[Result]:
    for side in (auth, cookie):
        for kind in (Kind.SYN, Kind.MIXED):
            before = side.received()
            with _flood(network, side, kind, most=_SPOOFED) as flood:
                flood.wait()
            yield result(
                f"flood_{kind.name.lower()}_{side.name}_passed",
                10_000 * (side.received() - before) / _SPOOFED,
                "of 10,000",
                most=1,
                note=f"of {_SPOOFED:,} frames, what the backend received",
            )
    assert auth.ours
    rates = (_BOT_RATE, *[Rate()] * 5)
    levels = {**_LEVELS, Rule.SYN_RATE: Level.ON}
    _set(auth, replace(_STANCES["auth"], levels=levels, rates=rates))
    before = auth.ours.seen(Verdict["FORWARD_SYN"])
    start = time.monotonic()
    options = {"sources": _BOTS, "bots": True, "seconds": _BOT_SECONDS, "cpu": FLOOD_CPU}
    with _flood(network, auth, Kind.SYN, rate=_BOT_SYNS, **options) as flood:
        sent = flood.wait()
    passed = auth.ours.seen(Verdict["FORWARD_SYN"]) - before
    bots = sum(network.num_addresses for network in _BOTS)
    may = bots * (_BOT_RATE.burst + _BOT_RATE.per_second * (time.monotonic() - start))
    yield result(
        "flood_bots_passed",
        passed / may,
        "of their rate",
        most=1,
        note=f"{bots:,} addresses that answer, one SYN per second each: {passed:,} of {sent:,}",
    )


def _flood(network: Network, side: Side, kind: Kind, **options: Any) -> Flood:
    options = {"sources": [FLOOD], **options}
    flood = Flood(
        network.edge, side.interface, side.mac, to=side.address, port=80, kind=kind, **options
    )
    # On an interface, or the kernel would wait for all CPUs with each slice: harness.ready().
    network.edge.take_xdp("a", flood._program)
    return flood


def _set(side: Side, stance: Stance) -> None:
    assert side.ours
    side.ours.path.set_stances({1: stance})


def _p99(took: Sequence[float]) -> float:
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]


def _softirq_thread() -> int:
    """ns that the CPU of the flood has spent in its softirq thread."""
    return int((_ksoftirqd() / "schedstat").read_text().split()[0])


@functools.cache
def _ksoftirqd() -> Path:
    for name in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # a process that has ended meanwhile
            if name.read_text() == f"ksoftirqd/{FLOOD_CPU}\n":
                return name.parent
    raise ProcessLookupError(f"ksoftirqd/{FLOOD_CPU}")


@contextlib.contextmanager
def _on(*cpus: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _first() -> Iterator[None]:
    """This process, and those that it starts, before others that would like the CPUs."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
