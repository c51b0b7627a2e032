"""How much of a flood real clients do not notice, in frames per second."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from accel.datapath.guard.actions import OFF
from accel.lab.clients.flood import Kind
from bench.cases.flood.stances import STANCES
from bench.harness.cpus import ksoftirqd, spent
from bench.load.connections import COUNT, Visit, p99, visit
from bench.networks.flood_network import CLIENTS, FLOOD_CPU, Network, Side
from bench.report.results import Result, result

_LOWEST = 5_000  # frames per second
_HALVINGS = 4
_ATTEMPTS = 3  # what else runs here makes a trial worse, and never better
_PATIENCE = 4.0
QUIET, _FULL = 3, 5  # trials without a flood, and with as much of it as goes
_SETTLE = 0.05  # seconds from a flood's start to the first client
_new_clients = itertools.count(int(CLIENTS.network_address) + 1)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """What clients saw; frames that came each second, and each second of the flood's core."""

    seen: Visit
    came: float
    per_core: float

    def good(self, bound: float) -> bool:
        """`bound` of p99 in seconds."""
        return self.seen.answered == COUNT and self.seen.p99 <= bound


def results(
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
    with network.flood(side, kind, rate=rate, cpu=FLOOD_CPU) as flood:
        time.sleep(_SETTLE)
        thread = Path(f"/proc/self/task/{flood._thread.native_id}")
        came, start = side.came(), time.monotonic()
        busy = spent(thread) + spent(ksoftirqd(FLOOD_CPU))
        seen = _visit(network, side)
        busy = spent(thread) + spent(ksoftirqd(FLOOD_CPU)) - busy
        came, took = side.came() - came, time.monotonic() - start
    return _Trial(seen=seen, came=came / took, per_core=1e9 * came / busy)


def bounds(network: Network, sides: Sequence[Side]) -> Iterator[tuple[Side, float, float]]:
    """p99 of connecting while nobody floods, and how long it may be in a flood, in seconds."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    unguarded: list[float] = []
    for _ in range(QUIET):
        for side in sides:
            took[side.name] += _visit(network, side).took
            if side.name == "auth":
                side.set_stance(OFF)
                unguarded += _visit(network, side).took
                side.set_stance(STANCES[side.name])
    for side in sides:
        usual = p99(took[side.name])
        # One challenge round trip on top of twice the time that it takes without.
        yield side, usual, usual + p99(unguarded) if side.name == "auth" else 2 * usual


def _visit(network: Network, side: Side) -> Visit:
    sources = [IPv4Address(next(_new_clients)) for _ in range(COUNT)]
    with network.clients.entered():
        return visit(sources, side.address, patience=_PATIENCE)
