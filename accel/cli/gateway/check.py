"""accel check: the preflight."""

from __future__ import annotations

import argparse

from accel.cli import connect, exits, parser
from accel.cli.parser import Commands
from accel.terminal import Table, emit, note, paint


def register(commands: Commands) -> None:
    """Add the command."""
    check = commands.add_parser(
        "check",
        help="what this host lacks, and how to get it",
        description="The preflight: looks for what the gateway needs, also as an ordinary user"
        f" and without bcc. Exit 0 if nothing failed, else {exits.FAILED}.",
    )
    parser.interface(
        check.add_argument(
            "--interface",
            action="append",
            default=[],
            metavar="IFACE",
            help="look at this one, too (repeatable)",
        )
    )
    check.command(_check, prints=True).connects()


def _check(options: argparse.Namespace) -> int:
    from accel.checks.finding import Finding
    from accel.checks.host import run

    def text(found: list[Finding]) -> str:
        table = Table(("CHECK", "RESULT", "FOUND"), [(f.name, f.level, f.found) for f in found])
        fixes = [f"{paint(f.name, 'bold')}\n  {f.fix}" for f in found if f.fix and f.level != "ok"]
        return "\n\n".join([table.text(), *fixes])

    found = list(run(options.interface, connect.socket_path(options)))
    emit(options.output, found, lambda: text(found))
    count = {level: sum(f.level == level for f in found) for level in ("fail", "warn")}
    note(f"{count['fail']} failed, {count['warn']} to look at, of {len(found)}")
    return exits.FAILED if count["fail"] else exits.DONE
