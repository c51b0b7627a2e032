"""The command `accel`. Here is the edge: errors become two lines and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence

from accel import __version__
from accel.cli import exits
from accel.cli.parser import Parser, connection, parse
from accel.errors import AccelError
from accel.terminal import note

# Each module registers these commands. It is imported when one of them is called, or for help.
GROUPS = {
    "gateway.check": ("check",),
    "config.apply": ("apply", "diff", "export", "schema"),
    "service.commands": ("service",),
    "backend.commands": ("backend",),
    "backend.drain": ("drain",),
    "gateway.interfaces": ("attach", "detach", "status"),
    "gateway.stats": ("stats",),
    "guard.commands": ("guard",),
    "prefix.commands": ("prefix",),
    "hint.commands": ("hint",),
    "hint.shard": ("shard",),
    "agent.commands": ("agent",),
    "explain.commands": ("explain",),
    "config.watch": ("watch",),
    "completion": ("completion",),
    "gateway.demo": ("demo",),
}


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


def build(groups: Iterable[str] = tuple(GROUPS)) -> Parser:
    """The parser of these groups of commands, by default of all."""
    parser = Parser(
        prog="accel",
        description="Sees to an accel gateway: services, backends, interfaces, and why a packet"
        " goes where it goes.",
        epilog="`accel COMMAND --help` shows a command.\n\n" + exits.TABLE,
    )
    parser.add_argument("--version", action="version", version=f"accel {__version__}")
    connection(parser)
    parser.set_defaults(build=build)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for group in groups:
        importlib.import_module(f"accel.cli.{group}").register(commands)
    return parser


def groups_of(given: Sequence[str]) -> Sequence[str]:
    """The groups of commands that a command line needs: all of them for help and for mistakes."""
    if list(given) == ["--version"]:
        return ()
    named = [group for group, commands in GROUPS.items() if given and given[0] in commands]
    return named or tuple(GROUPS)


def _run(given: list[str]) -> int:
    parser = build(groups_of(given))
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
