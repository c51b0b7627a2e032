"""accel hint: where new connections should land, and what that brings."""

from __future__ import annotations

from accel.cli.hint import add, listing, load, report, settings, stats, watch
from accel.cli.parser import Commands


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser(
        "hint", help="connection-reuse hints: where clients' next connections land"
    )
    below = group.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        add,
        listing,
        load,
        watch,
        settings,
        stats,
        report,
    ):
        command.register(below)
