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

from accel.datapath.guard.actions import OFF, Level, Rule, Stance
from accel.lab.clients.flood import Flood, Kind
from accel.model.guard import GuardMode, Rate
from accel.verdicts import Verdict
from bench.load.connections import COUNT, Visit, visit
from bench.networks.flood_network import CLIENTS, FLOOD, FLOOD_CPU, Network, Side
from bench.report.results import Result, result

_COST_ROUNDS = 7
_COST_FRAMES = 1 << 16
_KINDS = (Kind.SYN, Kind.ACK, Kind.RST, Kind.MIXED)
_LOWEST = 5_000  # frames per second
_HALVINGS = 4
_ATTEMPTS = 3  # what else runs here makes a trial worse, and never better
_PATIENCE = 4.0
_QUIET, _FULL = 3, 5  # trials without a flood, and with as much of it as goes
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
        sender, floor = network.nowhere("sender"), network.drop("floor")
        auth, cookie = network.ours("auth"), network.cookies("cookie")
        nft = network.synproxy("nft")
        kernel = network.server("kernel", cookies=2)
        none = network.server("none", cookies=0)
        for side in (auth, cookie):
            _set(side, _STANCES[side.name])
        sides = [auth, cookie, nft, kernel, none]
        bounds: dict[str, float] = {}
        for side, usual, bound in _bounds(network, sides):
            bounds[side.name] = bound
            note = f"p99 of connecting, no flood; {1000 * bound:.2f} ms is the bound in one"
            yield result(f"flood_quiet_{side.name}", 1000 * usual, "ms", rounds=_QUIET, note=note)
        for kind in _KINDS:
            some = sides if kind is Kind.SYN else [auth, cookie, nft]
            cost = _costs(network, kind, [sender, floor, *some])
            yield from _cost_results(kind, cost, some)
            yield from _limits(network, kind, some, bounds, cost)
        yield from _shares(network, auth, cookie)


# What a frame costs


def _costs(network: Network, kind: Kind, sides: Sequence[Side]) -> dict[str, float]:
    """ns of the CPU per frame, by the side's name."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(_COST_ROUNDS):
        for side in sides:
            took[side.name].append(_cost(network, side, kind, number))
    return {name: statistics.median(each) for name, each in took.items()}


def _cost_results(kind: Kind, cost: dict[str, float], sides: Sequence[Side]) -> Iterator[Result]:
    above = {name: each - cost["floor"] for name, each in cost.items()}
    others = [name for name in ("nft", "kernel") if name in cost]
    for side in sides:
        name = f"flood_{kind.name.lower()}_cost_{side.name}"
        note = f"CPU per frame above the {cost['floor']:.0f} ns of making and dropping it"
        yield result(name, above[side.name], "ns", rounds=_COST_ROUNDS, note=note)
        if side.ours:
            shares = {other: above[side.name] / above[other] for other in others}
            yield result(
                f"{name}_share",
                max(shares.values()),
                "of the cheaper",
                most=1 / 3,
                rounds=_COST_ROUNDS,
                note=", ".join(f"{share:.2f} of {name}" for name, share in shares.items()),
            )


def _cost(network: Network, side: Side, kind: Kind, seed: int) -> float:
    """The sender's thread does all of it, in softirqs of its own."""
    flood = _flood(network, side, kind, most=_COST_FRAMES, seed=seed)
    came = side.came()
    with network.edge.entered(), _on(FLOOD_CPU):
        start = time.thread_time_ns() + _spent(_ksoftirqd())
        flood._send()
        took = time.thread_time_ns() + _spent(_ksoftirqd()) - start
    os.close(flood._program)
    came = side.came() - came
    if side.name != "sender" and came < 0.99 * _COST_FRAMES:
        raise AssertionError(f"only {came} of {_COST_FRAMES} frames came to {side.name}")
    return took / _COST_FRAMES


# How much of it real clients do not notice


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """What clients saw; frames that came each second, and each second of the flood's core."""

    seen: Visit
    came: float
    per_core: float

    def good(self, bound: float) -> bool:
        """`bound` of p99 in seconds."""
        return self.seen.answered == COUNT and self.seen.p99 <= bound


def _limits(
    network: Network,
    kind: Kind,
    sides: Sequence[Side],
    bounds: dict[str, float],
    cost: dict[str, float],
) -> Iterator[Result]:
    """As many as one core makes and defends against; if that is too much, so many as are not."""
    trials: dict[str, list[_Trial]] = {side.name: [] for side in sides}
    for _ in range(_FULL):
        for side in sides:
            trials[side.name].append(_trial(network, side, kind, 0))
    highest: dict[str, float] = {}
    for side in sides:
        name = f"flood_{kind.name.lower()}_{side.name}"
        full, bound = trials[side.name], bounds[side.name]
        answered = [each.seen.answered for each in full]
        rate = statistics.median(each.per_core for each in full)
        note = f"with {rate / 1000:.0f} k, all that the core makes, "
        note += f"{min(answered)} to {max(answered)} of {COUNT} are answered"
        if not any(each.good(bound) for each in full):
            rate = _bisect(network, side, kind, bound, rate) if max(answered) > COUNT / 2 else 0.0
        highest[side.name] = rate
        note += f", p99 {1000 * min(each.seen.p99 for each in full):.2f} ms"
        yield result(name, rate / 1000, "k frames/s", rounds=_FULL, note=note)
        if side.ours:
            failed = COUNT * _FULL - sum(answered)
            note = f"of {COUNT * _FULL} connections, with all that the core makes"
            yield result(f"{name}_failed", failed, "failed", most=0, rounds=_FULL, note=note)
    for side in sides:
        if side.ours and highest["nft"]:
            alone = (cost["nft"] - cost["sender"]) / (cost[side.name] - cost["sender"])
            yield result(
                f"flood_{kind.name.lower()}_{side.name}_of_nft",
                highest[side.name] / highest["nft"],
                "times",
                least=4,
                note=f"{alone:.1f} if the sender had a core of its own",
            )


def _bisect(network: Network, side: Side, kind: Kind, bound: float, most: float) -> float:
    """The highest rate that came and was not noticed."""
    low, high, passed = float(_LOWEST), most, 0.0
    for _ in range(_HALVINGS):
        asked = (low * high) ** 0.5
        tries = (_trial(network, side, kind, int(asked)) for _ in range(_ATTEMPTS))
        if good := next((each for each in tries if each.good(bound)), None):
            passed, low = max(passed, good.came), asked
        else:
            high = asked
    return passed


def _trial(network: Network, side: Side, kind: Kind, rate: int) -> _Trial:
    with _flood(network, side, kind, rate=rate, cpu=FLOOD_CPU) as flood:
        time.sleep(_SETTLE)
        thread = Path(f"/proc/self/task/{flood._thread.native_id}")
        came, start = side.came(), time.monotonic()
        spent = _spent(thread) + _spent(_ksoftirqd())
        seen = _visit(network, side)
        spent = _spent(thread) + _spent(_ksoftirqd()) - spent
        came, took = side.came() - came, time.monotonic() - start
    return _Trial(seen=seen, came=came / took, per_core=1e9 * came / spent)


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


def _spent(task: Path) -> int:
    """ns that a task was on a CPU, by its folder in /proc."""
    return int((task / "schedstat").read_text().split()[0])


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
