"""accel hint list and lookup: the hints that there are, and those of one client."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from accel.cli import parser
from accel.cli.hint import refused
from accel.cli.parser import Commands
from accel.model.address import check_name, parse_address
from accel.model.prefix import ttl_text
from accel.terminal import Table, emit, note

if TYPE_CHECKING:
    from accel.client.hints import PushedHint
    from accel.model.results.hints import KnownHint


def register(commands: Commands) -> None:
    """Add the commands."""
    which = commands.add_parser("list", help="hints that were pushed, in no particular order")
    parser.backend(
        which.add_argument(
            "of", nargs="?", default="", metavar="SERVICE[/BACKEND]", help="only those of it"
        )
    )
    which.command(_list, prints=True).connects()
    for action in which.actions():
        if action.dest == "output":
            action.choices = ("table", "json", "yaml", "text")
            action.help = "how data is printed; text is what load reads (default: %(default)s)"

    lookup = commands.add_parser("lookup", help="all hints of one client, in the order asked")
    parser.service(lookup.add_argument("service", metavar="SERVICE"))
    lookup.add_argument("client", metavar="CLIENT", help="an address")
    lookup.command(_lookup, prints=True).connects()


def _list(options: argparse.Namespace) -> int:
    service, _, backend = options.of.partition("/")
    if options.of:
        check_name(service, "SERVICE")
    if "/" in options.of:
        check_name(backend, "BACKEND")
    with refused.client(options) as client:
        found = client.pushed_hints(service, backend)
        if options.output == "text":
            for one in found:
                print(_line(one))
            return 0
        known = list(found)
    rows = [(h.service, h.client, h.backend, _rest(h), h.caller, _time(h.left)) for h in known]
    header = ("SERVICE", "CLIENT", "BACKEND", "BOUND", "CALLER", "LEFT")
    emit(options.output, known, Table(header, rows).text)
    if not known:
        note("no hints: accel hint add, or accel hint load -f FILE")
    return 0


def _lookup(options: argparse.Namespace) -> int:
    check_name(options.service, "SERVICE")
    address = parse_address(options.client, "CLIENT")
    with refused.client(options) as client:
        known, holdout = client.known_hints(options.service, str(address))
    plain = {
        "service": options.service,
        "client": str(address),
        "holdout": holdout,
        "hints": known,
    }

    def text() -> str:
        said = f"{address} is of the holdout group: its hints are ignored\n" if holdout else ""
        if not known:
            return f"{said}there is no hint for {address}"
        header = ("KIND", "BACKEND", "BOUND", "LEFT", "PASSED OVER")
        return said + Table(header, list(map(_known_row, known))).text()

    emit(options.output, plain, text)
    return 0


def _known_row(hint: KnownHint) -> tuple[str, ...]:
    left = "" if hint.left is None else _time(round(hint.left))
    bound = "any" if hint.require else ""
    return (hint.kind.name.lower(), hint.backend, bound, left, hint.refused)


def _line(hint: PushedHint) -> str:
    require = " require" if hint.require else ""
    return f"{hint.service} {hint.client} {hint.backend} for {max(1, hint.left)}s{require}"


def _rest(hint: PushedHint) -> str:
    return "any" if hint.require else ""


def _time(seconds: int) -> str:
    return ttl_text(seconds) or "0s"
