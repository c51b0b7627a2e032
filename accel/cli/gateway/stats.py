"""accel stats: counters, or rates per second when watching."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from accel.cli import connect, parser
from accel.cli.parser import Commands
from accel.model.address import check_name
from accel.model.results.gateway import BackendStats, Count, ServiceStats, Stats
from accel.terminal import Table, amount, blocks, emit, emit_each, size


def register(commands: Commands) -> None:
    """Add the command."""
    stats = commands.add_parser(
        "stats",
        help="packets and bytes by backend and by verdict",
        description="Packets and bytes by backend and by verdict. With --watch: per second.",
    )
    parser.service(stats.add_argument("service", nargs="?", default="", metavar="SERVICE"))
    stats.add_argument("--watch", action="store_true", help="rates per second, until Ctrl-C")
    stats.add_argument(
        "--interval",
        type=parser.positive_seconds,
        default=1.0,
        metavar="SECONDS",
        help="between two lines of --watch (default: 1)",
    )
    stats.command(_stats, prints=True).connects()


def _stats(options: argparse.Namespace) -> int:
    if options.service:
        check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        if not options.watch:
            found = client.stats(options.service)
            emit(options.output, found, lambda: text(found, unit=""))
            return 0
        before, then = client.stats(options.service), time.monotonic()
        while True:
            time.sleep(options.interval)
            after, now = client.stats(options.service), time.monotonic()
            per_second = rates(before, after, now - then)
            clear = "\x1b[H\x1b[2J" if options.output == "table" and sys.stdout.isatty() else ""
            emit_each(options.output, per_second, clear + text(per_second, unit="/s"))
            before, then = after, now


def rates(before: Stats, after: Stats, seconds: float) -> Stats:
    """What came in between, per second. Shares and known flows are those of `after`.

    A counter that went back was reset, with its backend or service: it counts from 0.
    """
    services = {of.service: of for of in before.services}
    return Stats(
        gateway=_rates(before.gateway, after.gateway, seconds),
        services=tuple(_service_rates(services.get(s.service), s, seconds) for s in after.services),
    )


def _service_rates(
    before: ServiceStats | None, after: ServiceStats, seconds: float
) -> ServiceStats:
    backends = {of.backend: of.counts for of in before.backends} if before else {}
    return ServiceStats(
        service=after.service,
        counts=_rates(before.counts if before else (), after.counts, seconds),
        backends=tuple(
            BackendStats(
                backend=of.backend,
                counts=_rates(backends.get(of.backend, ()), of.counts, seconds),
                ring_share=of.ring_share,
                known_flows=of.known_flows,
            )
            for of in after.backends
        ),
        noted=_rates(before.noted if before else (), after.noted, seconds),
    )


def _rates(
    before: tuple[Count, ...], after: tuple[Count, ...], seconds: float
) -> tuple[Count, ...]:
    old = {count.verdict: count for count in before}
    none = Count(verdict="", packets=0, bytes=0)
    return tuple(
        Count(
            verdict=new.verdict,
            packets=_rate(old.get(new.verdict, none).packets, new.packets, seconds),
            bytes=_rate(old.get(new.verdict, none).bytes, new.bytes, seconds),
        )
        for new in after
    )


def _rate(before: int, after: int, seconds: float) -> int:
    return round((after - before if after >= before else after) / seconds)


def text(stats: Stats, *, unit: str) -> str:
    """A table of backends and one of verdicts; `unit` is "" or "/s"."""
    packets, size_ = f"PACKETS{unit}", f"BYTES{unit}"
    backends = [
        (
            f"{of.service}/{backend.backend}",
            f"{100 * backend.ring_share:.1f}%",
            amount(backend.known_flows),
            amount(backend.packets),
            size(backend.bytes),
        )
        for of in stats.services
        for backend in of.backends
    ]
    verdicts = [
        (where, count.verdict, amount(count.packets), size(count.bytes))
        for where, count in _verdicts(stats)
    ]
    return blocks(
        (
            Table(("BACKEND", "RING", "FLOWS", packets, size_), backends).text(),
            Table(("SERVICE", "VERDICT", packets, size_), verdicts).text(),
        )
    )


def _verdicts(stats: Stats) -> Iterator[tuple[str, Count]]:
    """What became of packets, by service; those of no service come last, under "-"."""
    for of in stats.services:
        total: dict[str, Count] = {}
        for count in [*(c for b in of.backends for c in b.counts), *of.counts]:
            seen = total.get(count.verdict, Count(verdict=count.verdict, packets=0, bytes=0))
            total[count.verdict] = Count(
                verdict=count.verdict,
                packets=seen.packets + count.packets,
                bytes=seen.bytes + count.bytes,
            )
        yield from ((of.service, count) for count in total.values())
        for count in of.noted:
            verdict = f"({count.verdict}, only noted)"
            yield of.service, Count(verdict=verdict, packets=count.packets, bytes=count.bytes)
    yield from (("-", count) for count in stats.gateway)
