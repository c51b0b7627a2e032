"""Floods on the wire: what a SYN costs, how many of them real clients do not notice, what passes.

Ours beside nftables' synproxy, SYN cookies of the backend's kernel, and no defence, in turn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from accel.lab.clients.flood import Kind
from bench.cases.flood import costs, limits, shares
from bench.cases.flood.stances import STANCES
from bench.harness.cpus import first, on_cpus
from bench.networks.flood_network import Network
from bench.report.results import Result, result

_KINDS = (Kind.SYN, Kind.ACK, Kind.RST, Kind.MIXED)


def run() -> Iterator[Result]:
    """All sides stand side by side; clients and backends on one CPU, the flood on the other."""
    with first(), on_cpus(max(os.sched_getaffinity(0))), Network() as network:
        sender, floor = network.nowhere("sender"), network.drop("floor")
        auth, cookie = network.ours("auth"), network.cookies("cookie")
        nft = network.synproxy("nft")
        kernel = network.server("kernel", cookies=2)
        none = network.server("none", cookies=0)
        for side in (auth, cookie):
            side.set_stance(STANCES[side.name])
        sides = [auth, cookie, nft, kernel, none]
        bounds: dict[str, float] = {}
        for side, usual, bound in limits.bounds(network, sides):
            bounds[side.name] = bound
            note = f"p99 of connecting, no flood; {1000 * bound:.2f} ms is the bound in one"
            yield result(
                f"flood_quiet_{side.name}", 1000 * usual, "ms", rounds=limits.QUIET, note=note
            )
        for kind in _KINDS:
            some = sides if kind is Kind.SYN else [auth, cookie, nft]
            cost = costs.measure(network, kind, [sender, floor, *some])
            yield from costs.results(kind, cost, some)
            yield from limits.results(network, kind, some, bounds, cost)
        yield from shares.results(network, auth, cookie)
