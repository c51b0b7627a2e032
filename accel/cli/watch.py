"""accel watch: changes as they happen."""

from __future__ import annotations

import argparse

from accel.cli import changes, connect, parser
from accel.cli.output import emit_each
from accel.cli.parser import Commands


def register(commands: Commands) -> None:
    """Add the command."""
    watch = commands.add_parser(
        "watch",
        help="changes as they happen, until Ctrl-C",
        description="Changes as they happen, until Ctrl-C: writes, and next hops that are found,"
        " moved or lost.",
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
            plain = {"revision": event.revision, "change": changes.as_plain(event.change)}
            line = f"{event.revision:>6}  {changes.line(event.change)}"
            emit_each(options.output, plain, line)
    return 0
