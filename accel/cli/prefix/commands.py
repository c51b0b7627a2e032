"""accel prefix add|remove|list|load|lookup: who is kept away from services, and who never is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from accel.cli import connect, parser
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.prefix import Network, parse_prefix, parse_ttl, ttl_text
from accel.terminal import Table, amount, emit, note

if TYPE_CHECKING:
    from accel.client.prefixes import KnownPrefix, PrefixClient

_PIECE = 1 << 20  # bytes of a text that go in one message


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser(
        "prefix",
        help="allowed and denied clients: add, remove, list, load, lookup",
        description="Allow and deny prefixes for all guarded services; the longest that has a"
        " client's address decides.",
    )
    below = group.add_subparsers(metavar="COMMAND", required=True)

    add = below.add_parser("add", help="allow or deny prefixes; again for another expiry")
    _prefixes(add)
    _action(add, required=True)
    _ttl(add)
    add.add_argument("--comment", default="", metavar="TEXT", help="why")
    _dry_run(add)
    add.command(_add).connects()

    remove = below.add_parser("remove", help="neither allow nor deny them any more")
    _prefixes(remove)
    _dry_run(remove)
    remove.command(_remove).connects()

    which = below.add_parser("list", help="all prefixes").command(_list, prints=True).connects()
    for action in which.actions():
        if action.dest == "output":
            action.choices = ("table", "json", "yaml", "text")
            action.help = "how data is printed; text is what load reads (default: %(default)s)"

    _register_load(below)

    lookup = below.add_parser("lookup", help="which prefixes have an address")
    lookup.add_argument("address", metavar="ADDRESS")
    lookup.command(_lookup, prints=True).connects()


def _register_load(below: Commands) -> None:
    load = below.add_parser(
        "load",
        help="load a list from a file: all of it or nothing",
        description="Load a list, one prefix on a line, all of it or nothing:\n\n"
        "  deny 192.0.2.0/24 for 2h   # why\n  allow 2001:db8::/32\n\n"
        "Lists that others publish, with nothing but prefixes, need --deny or --allow.",
        epilog="example, daily; what is not on the list any more expires:\n"
        "  accel prefix load -f drop.txt --deny --for 26h",
    )
    parser.file(
        load.add_argument(
            "-f", "--file", required=True, metavar="FILE", help="- for standard input"
        )
    )
    _action(load, required=False)
    _ttl(load)
    load.add_argument("--replace", action="store_true", help="all others go")
    _dry_run(load)
    load.command(_load).connects()


def _prefixes(to: Parser) -> None:
    to.add_argument("prefixes", nargs="+", metavar="PREFIX", help="as 192.0.2.0/24, 2001:db8::/32")


def _action(to: Parser, *, required: bool) -> None:
    whole = "" if required else " what does not say it"
    which = to.add_mutually_exclusive_group(required=required)
    which.add_argument(
        "--deny", dest="deny", action="store_const", const=True, help=f"keep away{whole}"
    )
    which.add_argument(
        "--allow",
        dest="deny",
        action="store_const",
        const=False,
        help=f"let pass all guards{whole}",
    )


def _ttl(to: Parser) -> None:
    to.add_argument(
        "--for",
        dest="ttl",
        type=_seconds,
        default=0,
        metavar="TIME",
        help="how long, as 90s, 2h or 7d (default: for ever)",
    )


def _dry_run(to: Parser) -> None:
    to.add_argument("--dry-run", action="store_true", help="check all of it, change nothing")


def _seconds(text: str) -> int:
    return parse_ttl(text, "--for")


def _client(options: argparse.Namespace) -> PrefixClient:
    connect.quiet()
    from accel.client.prefixes import PrefixClient

    return PrefixClient(connect.socket_path(options), seconds=options.timeout)


def _networks(options: argparse.Namespace) -> list[Network]:
    return [parse_prefix(text, "PREFIX") for text in options.prefixes]


def _add(options: argparse.Namespace) -> int:
    networks = _networks(options)
    with _client(options) as client:
        count = client.add_prefixes(
            networks,
            deny=options.deny,
            ttl=options.ttl,
            comment=options.comment,
            validate_only=options.dry_run,
        )
    done = "denied" if options.deny else "allowed"
    _told(options, f"{amount(len(networks))} {done}, {amount(count)} in all")
    return 0


def _remove(options: argparse.Namespace) -> int:
    networks = _networks(options)
    with _client(options) as client:
        count = client.remove_prefixes(networks, validate_only=options.dry_run)
    _told(options, f"{amount(len(networks))} removed, {amount(count)} left")
    return 0


def _load(options: argparse.Namespace) -> int:
    try:
        with _opened(options.file) as file, _client(options) as client:
            loaded, count = client.load_prefixes(
                iter(lambda: file.read(_PIECE), b""),
                deny=options.deny,
                ttl=options.ttl,
                replace=options.replace,
                validate_only=options.dry_run,
            )
    except InvalidError as error:
        if not error.field.startswith("line "):
            raise
        problem = error.message.removeprefix(f"{error.field}: ")
        raise InvalidError(f"{options.file} {error.field}", problem, hint=error.hint) from None
    _told(options, f"{amount(loaded)} loaded, {amount(count)} in all")
    return 0


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InvalidError(
            "--file", f"{path} cannot be read: {error.strerror}", hint="give a text file"
        ) from None


def _told(options: argparse.Namespace, text: str) -> None:
    note(f"dry run, nothing was changed; would be: {text}" if options.dry_run else text)


def _list(options: argparse.Namespace) -> int:
    with _client(options) as client:
        found = client.prefixes()
        if options.output == "text":
            for line in _lines(found):
                print(line)
            return 0
        known = list(found)
    emit(options.output, list(map(_plain, known)), _table(known).text)
    if not known:
        note("no prefixes: accel prefix add, or accel prefix load -f FILE")
    return 0


def _lookup(options: argparse.Namespace) -> int:
    address = parse_address(options.address, "ADDRESS")
    with _client(options) as client:
        known = client.prefixes_of(address)
    plain = {"address": str(address), "prefixes": list(map(_plain, known))}

    def text() -> str:
        if not known:
            return f"{address} is neither allowed nor denied"
        done = "denied" if known[0].deny else "allowed"
        return f"{address} is {done}, by {known[0].prefix}\n\n{_table(known).text()}"

    emit(options.output, plain, text)
    return 0


def _lines(known: Iterable[KnownPrefix]) -> Iterator[str]:
    now = datetime.now(UTC)
    for one in known:
        line = f"{_word(one)} {one.prefix}"
        if one.expires:
            line += f" for {ttl_text(max(1, int((one.expires - now).total_seconds())))}"
        yield line + (f"  # {one.comment}" if one.comment else "")


def _table(known: Iterable[KnownPrefix]) -> Table:
    rows = [(_word(one), one.prefix, _until(one), one.comment) for one in known]
    return Table(("ACTION", "PREFIX", "UNTIL", "COMMENT"), rows)


def _plain(one: KnownPrefix) -> dict[str, Any]:
    return {
        "action": _word(one),
        "prefix": one.prefix,
        "until": _until(one) or None,
        "comment": one.comment,
    }


def _word(one: KnownPrefix) -> str:
    return "deny" if one.deny else "allow"


def _until(one: KnownPrefix) -> str:
    return one.expires.isoformat(timespec="seconds") if one.expires else ""
