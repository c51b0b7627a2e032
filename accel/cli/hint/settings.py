"""accel hint set and show: how hints are used for a service."""

from __future__ import annotations

import argparse
import enum
import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from accel.cli import connect, parser
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model import plain_values
from accel.model.address import check_name
from accel.model.hints import LONGEST, Affinity, Hints, Learn, QuicId, Shard, ShardKey
from accel.model.prefix import parse_ttl, ttl_text
from accel.model.service import Service
from accel.terminal import Table, emit, note

_CHOICES: dict[str, tuple[type[enum.IntEnum], str]] = {
    "affinity": (Affinity, "what the base choice goes by"),
    "learn": (Learn, "whose hints are learned"),
}
_TIMES = {
    "lifetime": "how long a hint lives after its last use, as 90s, 1h",
    "longest": "and at the most, up to 24h",
}
_NUMBERS = {
    "key4": (8, 32, "bits of an IPv4 address that make a client"),
    "key6": (16, 128, "bits of an IPv6 address that make a client"),
    "floor": (1, 1_000_000, "new flows per second that each backend may get in any case"),
}
_SHARES = {
    "holdout": "percent of the clients whose hints are ignored, to measure against",
    "bound": "how often its share of new flows a backend may get in a second (0: any)",
    "sample": "percent of the new flows that are looked at for the report",
}
_QUIC = re.compile(r"([0-6]):(\d{1,2}):(\d{1,2})\Z", re.ASCII)


def register(commands: Commands) -> None:
    """Add the commands."""
    change = commands.add_parser(
        "set",
        help="change how hints are used for a service; what is not given stays",
        description="Change how hints are used for a service; what is not given stays."
        " docs/hints.md has what each of it does; shards are set by accel shard.",
        epilog="example:\n  accel hint set api --affinity client --learn exceptions --lifetime 1h",
    )
    parser.service(change.add_argument("service", metavar="SERVICE"))
    _fields(change)
    change.command(_set, writes=True, prints=True).connects()

    show = commands.add_parser("show", help="how hints are used for a service")
    parser.service(show.add_argument("service", metavar="SERVICE"))
    show.command(_show, prints=True).connects()


def _fields(to: Parser) -> None:
    for name, (kind, text) in _CHOICES.items():
        words = [plain_values.word(member) for member in kind]
        to.add_argument(f"--{name}", choices=words, help=text)
    to.add_argument(
        "--warm",
        action=argparse.BooleanOptionalAction,
        help="of two candidates the one with more warm connections",
    )
    for name, text in _TIMES.items():
        to.add_argument(f"--{name}", type=_seconds(name), metavar="TIME", help=text)
    for name, (least, most, text) in _NUMBERS.items():
        to.add_argument(f"--{name}", type=parser.whole(least, most), metavar="N", help=text)
    for name, text in _SHARES.items():
        text = text.replace("%", "%%")
        to.add_argument(f"--{name}", type=_decimal, metavar="X", help=text)
    forms = to.add_mutually_exclusive_group()
    forms.add_argument(
        "--quic",
        action="append",
        type=_quic,
        metavar="ROTATION:ID:NONCE",
        help="a form of QUIC connection ids: bytes of the server id and of the nonce behind it"
        " (repeatable: all of them)",
    )
    forms.add_argument(
        "--no-quic", dest="quic", action="store_const", const=[], help="no forms of connection ids"
    )


def _set(options: argparse.Namespace) -> int:
    check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        before = client.service(options.service)
        hints = _changed(before.hints, options)
        if hints == before.hints and not options.expected_revision:
            note("nothing to change")
        made = client.update_service(
            options.service,
            hints=hints,
            expected_revision=options.expected_revision or before.revision,
            validate_only=options.dry_run,
        )
    _shown(options, made)
    if options.dry_run:
        note("dry run: nothing was changed")
    return 0


def _changed(hints: Hints, options: argparse.Namespace) -> Hints:
    """`hints` with what the options say. Raises InvalidError if they say nothing."""
    given: dict[str, Any] = {}
    for name, (kind, _) in _CHOICES.items():
        if (text := getattr(options, name)) is not None:
            given[name] = plain_values.member(kind, text)
    for name in ("warm", *_TIMES, *_NUMBERS, *_SHARES):
        if (value := getattr(options, name)) is not None:
            given[name] = value
    if options.quic is not None:
        given["quic"] = tuple(options.quic)
    if not given:
        raise InvalidError("set", "nothing to change is named", hint="accel hint set --help")
    return replace(hints, **given)


def _show(options: argparse.Namespace) -> int:
    check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        _shown(options, client.service(options.service))
    return 0


def _shown(options: argparse.Namespace, service: Service) -> None:
    plain = {"service": service.name, "hints": service.hints, "revision": service.revision}
    emit(options.output, plain, lambda: configured(service.hints))


def configured(hints: Hints) -> str:
    """What is asked for, a row for each field."""
    rows = [(field.name, _text(field.name, getattr(hints, field.name))) for field in fields(hints)]
    return Table(("HINTS", ""), rows).text()


def _text(name: str, value: Any) -> str:
    if isinstance(value, Shard):
        return shard(value)
    if isinstance(value, enum.Enum):
        return plain_values.word(value)
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _TIMES:
        return ttl_text(value)
    if name in ("holdout", "sample"):
        return f"{value:g} %"
    return f"{value:g}" if isinstance(value, float) else str(value)


def shard(value: Shard) -> str:
    """As in "3 for each source"."""
    if value.key is ShardKey.NONE:
        return "none"
    return f"{value.size} for each {plain_values.word(value.key)}"


def _seconds(name: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            seconds = parse_ttl(text, name)
        except InvalidError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no time: {error.hint}") from None
        if seconds > LONGEST:
            raise argparse.ArgumentTypeError(f"{text} is above 24h")
        return seconds

    return read


def _decimal(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1000")
    return value


def _quic(text: str) -> QuicId:
    found = _QUIC.match(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROTATION:ID:NONCE, as 0:4:8")
    rotation, ident, nonce = map(int, found.groups())
    return QuicId(rotation=rotation, server_id_length=ident, nonce_length=nonce)
