"""accel guard status|set|samples."""

from __future__ import annotations

import argparse
import enum
import sys
import time
from dataclasses import replace
from typing import Any

from accel.cli import connect, parser
from accel.cli.guard import text as guard_text
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model import plain_values
from accel.model.guard import (
    GREATEST_ATTACK_RATE,
    GREATEST_RATE,
    LONGEST_HOLD,
    Guard,
    GuardLevel,
    GuardMode,
    Policy,
    SourceRate,
)
from accel.terminal import emit, emit_each, note

_CHOICES: dict[str, type[enum.IntEnum]] = {
    "mode": GuardMode,
    "policy": Policy,
    "prefixes": GuardLevel,
    "flags": GuardLevel,
    "fragments": GuardLevel,
    "unknown": GuardLevel,
}
_NUMBERS = {
    "on_rate": (GREATEST_ATTACK_RATE, "packets/s without a client from which on it is an attack"),
    "off_rate": (GREATEST_ATTACK_RATE, "below this it is over (0: a fifth of the other)"),
    "hold": (LONGEST_HOLD, "seconds for which it must have been over"),
}
_RATES = {"syn_rate": "new connections", "udp_rate": "datagrams", "icmp_rate": "ICMP"}


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser("guard", help="the guard against floods: status, set, samples")
    below = group.add_subparsers(metavar="COMMAND", required=True)

    status = below.add_parser("status", help="what guards do and see: state, rates, top sources")
    parser.service(status.add_argument("service", nargs="?", default="", metavar="SERVICE"))
    status.add_argument("--watch", action="store_true", help="again each second, until Ctrl-C")
    status.add_argument(
        "--json", action="store_const", const="json", dest="output", default=argparse.SUPPRESS
    )
    status.command(_status, prints=True).connects()

    change = below.add_parser(
        "set",
        help="change the guard of a service; what is not given stays",
        description="Change the guard of a service; what is not given stays. docs/guard.md has the"
        " modes and policies.",
        epilog="example:\n  accel guard set api --mode auth --policy auto",
    )
    parser.service(change.add_argument("service", metavar="SERVICE"))
    _fields(change)
    change.command(_set, writes=True, prints=True).connects()

    samples = below.add_parser("samples", help="the last packets that were not let through")
    parser.service(samples.add_argument("service", nargs="?", default="", metavar="SERVICE"))
    samples.add_argument(
        "--limit",
        type=parser.whole(1, 1000),
        default=20,
        metavar="N",
        help="how many (default: %(default)s)",
    )
    samples.command(_samples, prints=True).connects()


def _fields(to: Parser) -> None:
    for name, kind in _CHOICES.items():
        to.add_argument(_option(name), choices=[plain_values.word(member) for member in kind])
    for name, (most, text) in _NUMBERS.items():
        least = 1 if name == "hold" else 0
        to.add_argument(_option(name), type=parser.whole(least, most), metavar="N", help=text)
    for name, what in _RATES.items():
        to.add_argument(
            _option(name),
            type=parser.whole(0, GREATEST_RATE),
            metavar="N",
            help=f"{what} per second of a source, an IPv4 address or an IPv6 /64 (0: no limit)",
        )
        to.add_argument(
            f"{_option(name)}-prefix",
            type=parser.whole(0, GREATEST_RATE),
            metavar="N",
            help="and of its /24 or /48",
        )
        to.add_argument(
            f"{_option(name)}-level", choices=[plain_values.word(level) for level in GuardLevel]
        )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _set(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        before = client.service(options.service)
        guard = _changed(before.guard, options)
        if guard == before.guard and not options.expected_revision:
            note("nothing to change")
        made = client.update_service(
            options.service,
            guard=guard,
            expected_revision=options.expected_revision or before.revision,
            validate_only=options.dry_run,
        )
    plain = {"service": made.name, "guard": made.guard, "revision": made.revision}
    emit(options.output, plain, lambda: guard_text.configured(made.guard))
    if options.dry_run:
        note("dry run: nothing was changed")
    return 0


def _changed(guard: Guard, options: argparse.Namespace) -> Guard:
    """`guard` with what the options say. Raises InvalidError if they say nothing."""
    given: dict[str, Any] = {}
    for name, kind in _CHOICES.items():
        if (text := getattr(options, name)) is not None:
            given[name] = plain_values.member(kind, text)
    given |= {n: v for n in _NUMBERS if (v := getattr(options, n)) is not None}
    for name in _RATES:
        before = getattr(guard, name)
        after = _changed_rate(before, options, name)
        if after is not before:
            given[name] = after
    if not given:
        raise InvalidError("set", "nothing to change is named", hint="accel guard set --help")
    return replace(guard, **given)


def _changed_rate(rate: SourceRate, options: argparse.Namespace, name: str) -> SourceRate:
    given: dict[str, Any] = {}
    for part, suffix in (("source", ""), ("prefix", "_prefix")):
        if (number := getattr(options, f"{name}{suffix}")) is not None:
            given[part] = replace(getattr(rate, part), per_second=number)
    if (level := getattr(options, f"{name}_level")) is not None:
        given["level"] = plain_values.member(GuardLevel, level)
    elif given and rate.level is GuardLevel.OFF:
        given["level"] = GuardLevel.ON
    return replace(rate, **given) if given else rate


def _status(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        if not options.watch:
            found = client.guards(options.service)
            emit(options.output, {"guards": found}, lambda: guard_text.status(found))
            if not any(map(guard_text.at_work, found)):
                note("no service is guarded: accel guard set SERVICE --policy auto")
            return 0
        while True:
            found = client.guards(options.service)
            clear = "\x1b[H\x1b[2J" if options.output == "table" and sys.stdout.isatty() else ""
            emit_each(options.output, {"guards": found}, clear + guard_text.status(found))
            time.sleep(1)


def _samples(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        found = client.guard_samples(options.service, limit=options.limit)
    emit(options.output, {"samples": found}, lambda: guard_text.samples(found))
    if not found:
        note("no packet was kept out lately")
    return 0
