"""What a frame of a flood costs each side: CPU per frame, less what making it costs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence

from accel.lab.clients.flood import Kind
from bench.harness.cpus import ksoftirqd, on_cpus, spent
from bench.networks.flood_network import FLOOD_CPU, Network, Side
from bench.report.results import Result, result

_ROUNDS = 7
_FRAMES = 1 << 16


def measure(network: Network, kind: Kind, sides: Sequence[Side]) -> dict[str, float]:
    """ns of the CPU per frame, by the side's name."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(_ROUNDS):
        for side in sides:
            took[side.name].append(_cost(network, side, kind, number))
    return {name: statistics.median(each) for name, each in took.items()}


def results(kind: Kind, cost: dict[str, float], sides: Sequence[Side]) -> Iterator[Result]:
    """Above the floor, and ours as a share of the cheapest other defence's."""
    above = {name: each - cost["floor"] for name, each in cost.items()}
    others = [name for name in ("nft", "kernel") if name in cost]
    for side in sides:
        name = f"flood_{kind.name.lower()}_cost_{side.name}"
        note = f"CPU per frame above the {cost['floor']:.0f} ns of making and dropping it"
        yield result(name, above[side.name], "ns", rounds=_ROUNDS, note=note)
        if side.ours:
            shares = {other: above[side.name] / above[other] for other in others}
            yield result(
                f"{name}_share",
                max(shares.values()),
                "of the cheaper",
                most=1 / 3,
                rounds=_ROUNDS,
                note=", ".join(f"{share:.2f} of {name}" for name, share in shares.items()),
            )


def _cost(network: Network, side: Side, kind: Kind, seed: int) -> float:
    """The sender's thread does all of it, in softirqs of its own."""
    flood = network.flood(side, kind, most=_FRAMES, seed=seed)
    came = side.came()
    with network.edge.entered(), on_cpus(FLOOD_CPU):
        start = time.thread_time_ns() + spent(ksoftirqd(FLOOD_CPU))
        flood._send()
        took = time.thread_time_ns() + spent(ksoftirqd(FLOOD_CPU)) - start
    os.close(flood._program)
    came = side.came() - came
    if side.name != "sender" and came < 0.99 * _FRAMES:
        raise AssertionError(f"only {came} of {_FRAMES} frames came to {side.name}")
    return took / _FRAMES
