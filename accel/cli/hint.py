"""accel hint: where new connections should land, and what that brings."""

from __future__ import annotations

from accel.cli import (
    hint_add,
    hint_list,
    hint_load,
    hint_report,
    hint_settings,
    hint_stats,
    hint_watch,
)
from accel.cli.parser import Commands


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser(
        "hint", help="connection-reuse hints: where clients' next connections land"
    )
    below = group.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        hint_add,
        hint_list,
        hint_load,
        hint_watch,
        hint_settings,
        hint_stats,
        hint_report,
    ):
        command.register(below)
