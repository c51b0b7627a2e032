"""The command `accel`. Here is the edge: errors become two lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from accel import __version__
from accel.cli import completion, exits
from accel.cli.agent import commands as agent
from accel.cli.backend import commands as backend
from accel.cli.backend import drain
from accel.cli.config import apply, watch
from accel.cli.explain import commands as explain
from accel.cli.gateway import check, demo, interfaces, stats
from accel.cli.guard import commands as guard
from accel.cli.hint import commands as hint
from accel.cli.hint import shard
from accel.cli.parser import Parser, connection, parse
from accel.cli.prefix import commands as prefix
from accel.cli.service import commands as service
from accel.errors import AccelError
from accel.terminal import note

_GROUPS = (
    check,
    apply,
    service,
    backend,
    drain,
    interfaces,
    stats,
    guard,
    prefix,
    hint,
    shard,
    agent,
    explain,
    watch,
    completion,
    demo,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code, see exits.TABLE."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _run(given)
    except AccelError as error:
        note(f"accel: {_one_line(error.message)}")
        if error.hint:
            note(f"hint: {_one_line(error.hint)}")
        return error.exit_code
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.READER_GONE


def build() -> Parser:
    """The whole parser."""
    parser = Parser(
        prog="accel",
        description="Sees to an accel gateway: services, backends, interfaces, and why a packet"
        " goes where it goes.",
        epilog="`accel COMMAND --help` shows a command.\n\n" + exits.TABLE,
    )
    parser.add_argument("--version", action="version", version=f"accel {__version__}")
    connection(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for group in _GROUPS:
        group.register(commands)
    return parser


def _run(given: list[str]) -> int:
    parser = build()
    if not given:
        parser.print_help(sys.stderr)
        return 2
    options = parse(parser, given)
    code: int = options.run(options)
    sys.stdout.flush()
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
