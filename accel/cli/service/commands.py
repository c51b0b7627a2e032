"""accel service list|show|add|set|remove."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser, rows
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.results.gateway import Reached
from accel.model.ring_size import DEFAULT_RING_SIZE, RING_SIZES
from accel.model.service import Protocol, Service
from accel.terminal import blocks, emit, note

_PROTOCOLS = [protocol.name.lower() for protocol in Protocol]


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser("service", help="services: list, show, add, set, remove")
    below = group.add_subparsers(metavar="COMMAND", required=True)

    which = below.add_parser("list", help="all services").command(_list, prints=True).connects()
    names_too(which)

    show = below.add_parser("show", help="one service and its backends")
    parser.service(show.add_argument("name", metavar="SERVICE"))
    show.command(_show, prints=True).connects()

    add = below.add_parser("add", help="a new service")
    add.add_argument("name", metavar="SERVICE")
    _fields(add, new=True)
    add.command(_add, writes=True, prints=True).connects()

    change = below.add_parser("set", help="change a service; what is not given stays")
    parser.service(change.add_argument("name", metavar="SERVICE"))
    _fields(change, new=False)
    change.command(_set, writes=True, prints=True).connects()

    remove = below.add_parser("remove", help="remove a service with its backends")
    parser.service(remove.add_argument("name", metavar="SERVICE"))
    remove.command(_remove, writes=True).connects()


def names_too(which: Parser) -> None:
    """Let a list be printed as bare names, one on a line, for scripts and completion."""
    for action in which.actions():
        if action.dest == "output":
            action.choices = ("table", "json", "yaml", "name")


def with_default(text: str, default: object, new: bool) -> str:
    """The help of an option that has a default only for what is new."""
    return f"{text} (default: {default})" if new else text


def _fields(to: Parser, *, new: bool) -> None:
    to.add_argument("--address", required=new, help="IPv4 or IPv6 address that clients reach")
    to.add_argument(
        "--port",
        type=parser.whole(0, 65535),
        required=new,
        help="1 to 65535, or 0 for any (new ones only)",
    )
    to.add_argument("--protocol", choices=_PROTOCOLS, default="tcp" if new else None)
    to.add_argument(
        "--ring-size",
        type=parser.whole(*RING_SIZES),
        default=DEFAULT_RING_SIZE if new else None,
        metavar="SLOTS",
        help=with_default("a prime from 251 to 131071", DEFAULT_RING_SIZE, new),
    )


def _list(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        found, revision = client.services()
        backends = client.backends()[0] if options.output == "table" else []
    if options.output == "name":
        print("".join(f"{service.name}\n" for service in found), end="")
        return 0
    plain = {"revision": revision, "services": [rows.plain_service(s) for s in found]}
    emit(options.output, plain, lambda: rows.services(found, backends).text())
    if not found:
        note("no services yet: accel apply -f FILE, or accel service add")
    return 0


def _show(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        service = client.service(options.name)
        backends, _ = client.backends(options.name)
    plain = {
        **rows.plain_service(service),
        "backends": [rows.plain_backend(backend) for backend in backends],
    }

    def text() -> str:
        below = rows.backends(backends).text() if backends else "no backends"
        return blocks((rows.services([service], backends).text(), below))

    emit(options.output, plain, text)
    return 0


def _add(options: argparse.Namespace) -> int:
    service = Service(
        name=options.name,
        address=parse_address(options.address, "--address"),
        port=options.port,
        protocol=Protocol[options.protocol.upper()],
        ring_size=options.ring_size,
    )
    with connect.client(options) as client:
        made = client.create_service(
            service.check(),
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )
    _shown(options, made, [])
    return 0


def _set(options: argparse.Namespace) -> int:
    if options.port == 0:
        raise InvalidError(
            "--port",
            "an existing service cannot be changed to any port",
            hint="put port: 0 into a file for accel apply, or remove the service and add it",
        )
    given = {
        "address": parse_address(options.address, "--address") if options.address else None,
        "port": options.port,
        "protocol": Protocol[options.protocol.upper()] if options.protocol else None,
        "ring_size": options.ring_size,
    }
    require_some(given)
    with connect.client(options) as client:
        made = client.update_service(
            options.name,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
            **given,
        )
        backends, _ = client.backends(options.name)
    _shown(options, made, backends)
    return 0


def _remove(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        client.delete_service(
            options.name,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )
    note(f"service {options.name} {'would be ' if options.dry_run else ''}removed")
    return 0


def require_some(given: dict[str, object]) -> None:
    """Raises InvalidError if nothing is to be set."""
    if all(value is None for value in given.values()):
        options = ", ".join(f"--{key.replace('_', '-')}" for key in given)
        raise InvalidError("set", "nothing to change is named", hint=f"give one of {options}")


def _shown(options: argparse.Namespace, service: Service, backends: list[Reached]) -> None:
    emit(
        options.output,
        rows.plain_service(service),
        lambda: rows.services([service], backends).text(),
    )
    if options.dry_run:
        note("dry run: nothing was changed")
