"""accel shard set|remove|list: connections of one key share a few backends."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser
from accel.cli.hint.settings import shard as text
from accel.cli.parser import Commands
from accel.model import plain_values
from accel.model.address import check_name
from accel.model.hints import LARGEST_SHARD, Shard, ShardKey
from accel.model.service import Service
from accel.terminal import Table, emit, note

_KEYS = [plain_values.word(key) for key in ShardKey if key is not ShardKey.NONE]


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser(
        "shard", help="connections of one key share a few backends: set, remove, list"
    )
    below = group.add_subparsers(metavar="COMMAND", required=True)

    change = below.add_parser(
        "set",
        help="let new connections of a service that have one key share a few of its backends",
        epilog="example:\n  accel shard set api --key source --size 3",
    )
    parser.service(change.add_argument("service", metavar="SERVICE"))
    change.add_argument("--key", choices=_KEYS, required=True, help="what chooses the few")
    change.add_argument(
        "--size",
        type=parser.whole(1, LARGEST_SHARD),
        required=True,
        metavar="N",
        help="backends for each key",
    )
    change.command(_set, writes=True, prints=True).connects()

    remove = below.add_parser("remove", help="let a service use all of its backends again")
    parser.service(remove.add_argument("service", metavar="SERVICE"))
    remove.command(_remove, writes=True).connects()

    which = below.add_parser("list", help="services that have shards")
    which.command(_list, prints=True).connects()


def _set(options: argparse.Namespace) -> int:
    key = next(key for key in ShardKey if plain_values.word(key) == options.key)
    made = _write(options, Shard(key=key, size=options.size))
    plain = {"service": made.name, "shard": made.hints.shard, "revision": made.revision}
    emit(options.output, plain, lambda: _table([made]))
    if options.dry_run:
        note("dry run: nothing was changed")
    return 0


def _remove(options: argparse.Namespace) -> int:
    _write(options, Shard())
    would = "would use" if options.dry_run else "uses"
    note(f"service {options.service} {would} all of its backends")
    return 0


def _write(options: argparse.Namespace, shard: Shard) -> Service:
    check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        return client.set_shard(
            options.service,
            shard,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )


def _list(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        services, revision = client.services()
    found = [s for s in services if s.hints.shard.key is not ShardKey.NONE]
    plain = {
        "revision": revision,
        "shards": [{"service": s.name, "shard": s.hints.shard} for s in found],
    }
    emit(options.output, plain, lambda: _table(found))
    if not found:
        note("no service has shards: accel shard set SERVICE --key source --size 3")
    return 0


def _table(found: list[Service]) -> str:
    return Table(("SERVICE", "SHARD"), [(s.name, text(s.hints.shard)) for s in found]).text()
