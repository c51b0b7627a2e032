"""accel watch: changes as they happen."""

from __future__ import annotations

import argparse
from typing import Any

from accel.cli import connect, parser
from accel.cli.config import changes
from accel.cli.parser import Commands
from accel.model.results.gateway import Attack
from accel.terminal import amount, emit_each, paint


def register(commands: Commands) -> None:
    """Add the command."""
    watch = commands.add_parser(
        "watch",
        help="changes as they happen, until Ctrl-C",
        description="Changes as they happen, until Ctrl-C: writes, next hops that are found, moved"
        " or lost, and attacks that begin or end.",
    )
    watch.add_argument(
        "--from-revision",
        type=parser.revision,
        default=0,
        metavar="N",
        help="first what changed after that revision (default: only from now on)",
    )
    watch.command(_watch, prints=True).connects()


def _watch(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        for event in client.watch(options.from_revision):
            plain: dict[str, Any]
            if event.attack:
                plain = {"revision": event.revision, "attack": event.attack}
                line = _attack_line(event.attack)
            else:
                assert event.change
                plain = {"revision": event.revision, "change": changes.as_plain(event.change)}
                line = changes.line(event.change)
            emit_each(options.output, plain, f"{event.revision:>6}  {line}")
    return 0


def _attack_line(seen: Attack) -> str:
    rate = f"{amount(seen.excess_per_second)} packets/s without a client"
    does = ", only monitored" if seen.monitored else ""
    if seen.started:
        return paint(f"! service {seen.service}  under attack: {rate}{does}", "red")
    lasted = f"after {amount(seen.seconds)} s, at most {rate}"
    return paint(f"! service {seen.service}  attack over {lasted}{does}", "green")
