"""What of a flood comes to the backends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from accel.datapath.guard.actions import Level, Rule
from accel.lab.clients.flood import Kind
from accel.model.guard import Rate
from accel.verdicts import Verdict
from bench.cases.flood.stances import LEVELS, STANCES
from bench.networks.flood_network import FLOOD_CPU, Network, Side
from bench.report.results import Result, result

_SPOOFED = 1 << 20
_BOTS = [ip_network(f"198.18.{8 * i}.0/21") for i in range(5)]  # 10,240 addresses
_BOT_RATE = Rate(per_second=1, burst=1)
_BOT_SYNS = 200_000
_BOT_SECONDS = 3.0


def results(network: Network, auth: Side, cookie: Side) -> Iterator[Result]:
    """Of spoofed frames, and of SYNs from addresses that answer challenges."""
    for side in (auth, cookie):
        for kind in (Kind.SYN, Kind.MIXED):
            before = side.received()
            with network.flood(side, kind, most=_SPOOFED) as flood:
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
    levels = {**LEVELS, Rule.SYN_RATE: Level.ON}
    auth.set_stance(replace(STANCES["auth"], levels=levels, rates=rates))
    before = auth.ours.seen(Verdict["FORWARD_SYN"])
    start = time.monotonic()
    options = {"sources": _BOTS, "bots": True, "seconds": _BOT_SECONDS, "cpu": FLOOD_CPU}
    with network.flood(auth, Kind.SYN, rate=_BOT_SYNS, **options) as flood:
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
