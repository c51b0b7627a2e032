"""accel hint stats: what decided where new flows went, and what hints there are."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from accel.cli import connect, parser
from accel.cli.parser import Commands
from accel.model.address import check_name
from accel.model.results.hints import HintStats
from accel.terminal import Table, amount, blocks, emit, emit_each, note


def register(commands: Commands) -> None:
    """Add the command."""
    stats = commands.add_parser(
        "stats", help="what decided where new flows went, and the load of backends"
    )
    parser.service(stats.add_argument("service", nargs="?", default="", metavar="SERVICE"))
    stats.add_argument("--watch", action="store_true", help="again each second, until Ctrl-C")
    stats.command(_stats, prints=True).connects()


def _stats(options: argparse.Namespace) -> int:
    if options.service:
        check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        if not options.watch:
            found = client.hint_stats(options.service)
            emit(options.output, {"services": found}, lambda: text(found))
            if not found:
                note("no service has hints: accel hint set SERVICE --affinity client")
            return 0
        while True:
            found = client.hint_stats(options.service)
            clear = "\x1b[H\x1b[2J" if options.output == "table" and sys.stdout.isatty() else ""
            emit_each(options.output, {"services": found}, clear + text(found))
            time.sleep(1)


def text(found: Sequence[HintStats]) -> str:
    """A table of outcomes, one of hints, one of backends."""
    outcomes = [
        (of.service, count.outcome, amount(count.flows), _share(count.flows, of), count.meaning)
        for of in found
        for count in sorted(of.outcomes, key=lambda count: -count.flows)
    ]
    hints = [
        (
            of.service,
            *(
                amount(number)
                for number in (
                    *(of.pushed_hints, of.prefix_hints, sum(b.learned_hints for b in of.backends)),
                    *(of.learned, of.refreshed, of.unlearned),
                )
            ),
        )
        for of in found
    ]
    backends = [
        (
            f"{of.service}/{b.backend}",
            amount(b.learned_hints),
            amount(b.flows),
            "any" if b.bound is None else amount(b.bound),
            "-" if b.warm is None else amount(b.warm),
        )
        for of in found
        for b in of.backends
    ]
    heads = ("SERVICE", "PUSHED", "PREFIXES", "LEARNED", "EVER LEARNED", "REFRESHED", "NOT LEARNED")
    return blocks(
        (
            Table(("SERVICE", "OUTCOME", "FLOWS", "SHARE", "MEANING"), outcomes).text()
            if outcomes
            else "",
            Table(heads, hints).text() if hints else "",
            Table(("BACKEND", "LEARNED", "FLOWS/S", "BOUND", "WARM"), backends).text()
            if backends
            else "",
        )
    )


def _share(flows: int, of: HintStats) -> str:
    return f"{100 * flows / sum(count.flows for count in of.outcomes):.1f}%"
