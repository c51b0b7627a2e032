"""accel backend list|show|add|set|remove."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser, rows
from accel.cli.backend import run
from accel.cli.endpoint import backend_name
from accel.cli.parser import Commands, Parser
from accel.cli.service.commands import names_too, require_some, with_default
from accel.errors import InvalidError
from accel.model import quic
from accel.model.address import check_name, parse_address
from accel.model.backend import DEFAULT_GUE_PORT, DEFAULT_WEIGHT, Backend, Mode, State
from accel.model.quic import ServerId
from accel.model.results.gateway import Reached
from accel.terminal import emit, note

_MODES = [mode.name.lower() for mode in Mode]
_STATES = [state.name.lower() for state in State]


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser("backend", help="backends: list, show, add, set, remove, run")
    below = group.add_subparsers(metavar="COMMAND", required=True)

    which = below.add_parser("list", help="all backends, or those of a service")
    parser.service(which.add_argument("service", nargs="?", default="", metavar="SERVICE"))
    names_too(which.command(_list, prints=True).connects())

    show = below.add_parser("show", help="one backend and its next hop")
    _name(show)
    show.command(_show, prints=True).connects()

    add = below.add_parser("add", help="a new backend")
    _name(add)
    _fields(add, new=True)
    add.command(_add, writes=True, prints=True).connects()

    change = below.add_parser("set", help="change a backend; what is not given stays")
    _name(change)
    _fields(change, new=False)
    change.command(_set, writes=True, prints=True).connects()

    remove = below.add_parser("remove", help="remove a backend; its flows are steered anew")
    _name(remove)
    remove.command(_remove, writes=True).connects()

    run.register(below)


def _name(to: Parser) -> None:
    parser.backend(to.add_argument("name", metavar="SERVICE/BACKEND"))


def _fields(to: Parser, *, new: bool) -> None:
    to.add_argument("--address", required=new, help="IPv4 or IPv6 address of the server")
    to.add_argument(
        "--weight",
        type=parser.whole(1, 65535),
        default=DEFAULT_WEIGHT if new else None,
        help=with_default("share of new flows, 1 to 65535", DEFAULT_WEIGHT, new),
    )
    to.add_argument(
        "--mode",
        choices=_MODES,
        default="ipip" if new else None,
        help=with_default("how packets are handed to it", "ipip", new),
    )
    to.add_argument(
        "--gue-port",
        type=parser.whole(1, 65535),
        default=DEFAULT_GUE_PORT if new else None,
        metavar="PORT",
        help=with_default("UDP port of mode gue", DEFAULT_GUE_PORT, new),
    )
    to.add_argument(
        "--state",
        choices=_STATES,
        default="up" if new else None,
        help="up, drain (known flows only) or down (nothing)",
    )
    ids = to if new else to.add_mutually_exclusive_group()
    ids.add_argument(
        "--server-id",
        dest="server_ids",
        action="append",
        type=_server_id,
        metavar="ROTATION:HEX",
        help="its id in QUIC connection ids of that rotation (repeatable: all of them)",
    )
    if not new:
        ids.add_argument(
            "--no-server-ids",
            dest="server_ids",
            action="store_const",
            const=[],
            help="it has no such ids",
        )


def _server_id(text: str) -> ServerId:
    rotation, _, digits = text.partition(":")
    try:
        return quic.parse(rotation, digits, "")
    except InvalidError as error:
        problem = error.message.removeprefix(": ")
        raise argparse.ArgumentTypeError(f"{problem}: write it as 0:a1b2c3d4") from None


def _list(options: argparse.Namespace) -> int:
    if options.service:
        check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        found, revision = client.backends(options.service)
    if options.output == "name":
        print("".join(f"{r.backend.service}/{r.backend.name}\n" for r in found), end="")
        return 0
    plain = {"revision": revision, "backends": [rows.plain_backend(r) for r in found]}
    emit(options.output, plain, lambda: rows.backends(found).text())
    if not found:
        note("no backends yet: accel backend add SERVICE/BACKEND --address ADDRESS")
    return 0


def _show(options: argparse.Namespace) -> int:
    service, name = backend_name(options.name)
    with connect.client(options) as client:
        _shown(options, client.backend(service, name))
    return 0


def _add(options: argparse.Namespace) -> int:
    service, name = backend_name(options.name)
    backend = Backend(
        service=service,
        name=name,
        address=parse_address(options.address, "--address"),
        weight=options.weight,
        mode=Mode[options.mode.upper()],
        gue_port=options.gue_port,
        state=State[options.state.upper()],
        server_ids=quic.in_order(options.server_ids or ()),
    )
    with connect.client(options) as client:
        made = client.create_backend(
            backend.check(),
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )
    _shown(options, made)
    return 0


def _set(options: argparse.Namespace) -> int:
    service, name = backend_name(options.name)
    given = {
        "address": parse_address(options.address, "--address") if options.address else None,
        "weight": options.weight,
        "mode": Mode[options.mode.upper()] if options.mode else None,
        "gue_port": options.gue_port,
        "state": State[options.state.upper()] if options.state else None,
    }
    ids = None if options.server_ids is None else quic.in_order(options.server_ids)
    require_some({**given, "server_id": ids})
    with connect.client(options) as client:
        made = client.update_backend(
            service,
            name,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
            server_ids=ids,
            **given,
        )
    _shown(options, made)
    return 0


def _remove(options: argparse.Namespace) -> int:
    service, name = backend_name(options.name)
    with connect.client(options) as client:
        client.delete_backend(
            service,
            name,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )
    note(f"backend {options.name} {'would be ' if options.dry_run else ''}removed")
    return 0


def _shown(options: argparse.Namespace, reached: Reached) -> None:
    emit(options.output, rows.plain_backend(reached), lambda: rows.backends([reached]).text())
    if getattr(options, "dry_run", False):
        note("dry run: nothing was changed")
