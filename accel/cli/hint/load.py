"""accel hint load: hints from a text of any length, all of its right lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from accel.cli import parser
from accel.cli.hint import refused
from accel.cli.parser import Commands
from accel.errors import InvalidError
from accel.model.hints import LONGEST
from accel.model.prefix import parse_ttl
from accel.terminal import amount, note

if TYPE_CHECKING:
    from accel.config.hint_text import Reader, Request, Wrong

_SHOWN = 100  # lines that are named


def register(commands: Commands) -> None:
    """Add the command."""
    load = commands.add_parser(
        "load",
        help="hints from a file, of any length",
        description="Set the hints of a file, one on a line:\n\n"
        "  SERVICE CLIENT BACKEND [for TIME] [require]   # why\n\n"
        "A line that is wrong is named, and does not keep the others out.",
        epilog="example:\n  accel hint list api -o text > hints && accel hint load -f hints",
    )
    parser.file(
        load.add_argument(
            "-f", "--file", required=True, metavar="FILE", help="- for standard input"
        )
    )
    load.add_argument(
        "--for",
        dest="seconds",
        type=_seconds,
        default=0,
        metavar="TIME",
        help="how long lines last that do not say it, as 90s or 2h (default: the service's"
        " lifetime)",
    )
    load.command(_load).connects()


def _seconds(text: str) -> int:
    seconds = parse_ttl(text, "--for")
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is more than a day")
    return seconds


def _load(options: argparse.Namespace) -> int:
    with _opened(options.file) as file, refused.client(options) as client:
        from accel.config.hint_text import Reader, lines_of

        loading = _Loading(options.file, Reader(seconds=options.seconds))
        for answer in client.apply_hints(loading.messages(lines_of(file))):
            loading.done(answer)
    return loading.end()


class _Loading:
    """Which lines each request has, until it is answered."""

    def __init__(self, name: str, reader: Reader) -> None:
        self._name = name
        self._reader = reader
        self._waiting: dict[int, Request] = {}
        self._set = self._failed = self._shown = 0
        self._reason = ""

    def messages(self, lines: Iterable[bytes]) -> Iterator[Any]:
        for version, request in enumerate(self._reader.requests(lines), 1):
            self._waiting[version] = request
            request.message.version = version
            yield request.message

    def done(self, answer: Any) -> None:
        self._set += answer.set
        self._failed += answer.failed
        for wrong in self._waiting.pop(answer.version).wrong(answer.errors):
            self._tell(wrong)
        self._tell_unread()

    def end(self) -> int:
        self._tell_unread()
        hidden = self._failed - self._shown
        if hidden > 0:
            note(f"... and {amount(hidden)} more")
        failed = f", {amount(self._failed)} refused" if self._failed else ""
        note(f"{amount(self._set)} set{failed}")
        return refused.exit_code(self._reason) if self._failed else 0

    def _tell_unread(self) -> None:
        unread = self._reader.wrong[:]
        del self._reader.wrong[: len(unread)]
        self._failed += len(unread)
        for wrong in unread:
            self._tell(wrong)

    def _tell(self, wrong: Wrong) -> None:
        # What is wrong with the file outweighs what the gateway has no room for.
        if not self._reason or refused.exit_code(wrong.reason) < 6:
            self._reason = wrong.reason
        if self._shown < _SHOWN:
            self._shown += 1
            hint = f" ({wrong.hint})" if wrong.hint else ""
            note(f"{self._name} line {wrong.line}: {wrong.message}{hint}")


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InvalidError(
            "--file", f"{path} cannot be read: {error.strerror}", hint="give a text file"
        ) from None
