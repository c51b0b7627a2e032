"""argparse, so that its complaints are errors of this package with a way out of them."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from accel.errors import InvalidError

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)\Z")
Run = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Raises InvalidError where argparse would print and exit."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        hint = f"{self.prog} --help shows how it is written"
        if message.startswith("the following arguments are required: "):
            raise InvalidError(message.split(": ", 1)[1], "is missing", hint=hint)
        field, _, problem = message.removeprefix("argument ").partition(": ")
        choice = _CHOICE.match(problem)
        if choice:
            names = re.findall(r"'([^']*)'", choice[2])
            raise InvalidError(
                field, f"{choice[1]!r} is none of them", hint=_nearest(choice[1], names)
            )
        raise InvalidError(field, problem or message, hint=hint)

    def command(self, run: Run, *, writes: bool = False, prints: bool = False) -> Parser:
        """Say that this parser is of a command that `run` does, and add the usual options.

        `writes`: it changes the daemon's state; `prints`: it has data to show.
        """
        if prints:
            self.add_argument(
                "-o",
                "--output",
                choices=("table", "json", "yaml"),
                default="table",
                help="how data is printed (default: %(default)s)",
            )
        if writes:
            self.add_argument(
                "--expected-revision",
                type=revision,
                default=0,
                metavar="N",
                help="refuse if it is at another revision by now",
            )
            self.add_argument(
                "--dry-run", action="store_true", help="check all of it, change nothing"
            )
        self.set_defaults(run=run, parser=self)
        return self

    def connects(self) -> Parser:
        """Add the options of commands that talk to the daemon; they may stand here, too."""
        connection(self, default=argparse.SUPPRESS)
        return self

    def options(self) -> list[str]:
        """All option strings, as in --output."""
        return sorted(self._option_string_actions)

    def actions(self) -> Sequence[argparse.Action]:
        """All arguments and options, in the order of their definition."""
        return self._actions


def socket(parser: Parser, *, default: Any = None) -> None:
    """Where the daemon is."""
    file(
        parser.add_argument(
            "--socket",
            default=default,
            metavar="PATH",
            help="the daemon's socket (default: $ACCEL_SOCKET or /run/accel/accel.sock)",
        )
    )


def connection(parser: Parser, *, default: Any = None) -> None:
    """How to reach the daemon."""
    socket(parser, default=default)
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=default or 60.0,
        metavar="SECONDS",
        help="how long to wait for an answer (default: 60)",
    )


def parse(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """Raises InvalidError, which names the nearest right option for one that is not known."""
    found, unknown = parser.parse_known_args(arguments)
    if unknown:
        leaf = getattr(found, "parser", parser)
        name = unknown[0].split("=")[0]
        hint = f"{leaf.prog} --help shows its arguments"
        if name.startswith("-"):
            hint = _nearest(name, leaf.options(), otherwise=hint)
        raise InvalidError(name, "is not known here", hint=hint)
    return found


def _nearest(name: str, names: Sequence[str], *, otherwise: str = "") -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else otherwise or f"one of {', '.join(names)}"


def revision(text: str) -> int:
    """A revision of the store or of an object."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not a revision, a whole number from 0 up")
    return int(text)


def seconds(text: str) -> float:
    """A time from 0 up to a day."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 86400")
    return value


def positive_seconds(text: str) -> float:
    """A time of at least a tenth of a second."""
    if seconds(text) < 0.1:
        raise argparse.ArgumentTypeError(f"{text} is less than 0.1 seconds")
    return seconds(text)


def whole(least: int, greatest: int) -> Callable[[str], int]:
    """A whole number in that range."""

    def number(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 12):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
        if not least <= int(text) <= greatest:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {greatest}")
        return int(text)

    return number


def service(action: argparse.Action) -> None:
    """Mark `action` as one that takes a service's name, for completion."""
    action.completes = "service"  # type: ignore[attr-defined]


def backend(action: argparse.Action) -> None:
    """Mark `action` as one that takes SERVICE/BACKEND, for completion."""
    action.completes = "backend"  # type: ignore[attr-defined]


def interface(action: argparse.Action) -> None:
    """Mark `action` as one that takes an interface, for completion."""
    action.completes = "interface"  # type: ignore[attr-defined]


def file(action: argparse.Action) -> None:
    """Mark `action` as one that takes a file, for completion."""
    action.completes = "file"  # type: ignore[attr-defined]
