"""accel hint add and remove: where the next connections of clients land."""

from __future__ import annotations

import argparse
from typing import Any

from accel.cli import parser
from accel.cli.hint import refused
from accel.cli.parser import Commands, Parser
from accel.model.address import check_name, parse_address
from accel.model.hints import LONGEST
from accel.model.prefix import parse_prefix, parse_ttl
from accel.terminal import amount, note


def register(commands: Commands) -> None:
    """Add the commands."""
    add = commands.add_parser(
        "add",
        help="lead a client's next connections to a backend; again for another one",
        epilog="example:\n  accel hint add api 198.51.100.7 b1 --for 2h",
    )
    _service(add)
    add.add_argument("client", metavar="CLIENT", help="an address, or a prefix for all of its")
    add.add_argument("backend", metavar="BACKEND", help="one of the service's, by its name")
    add.add_argument(
        "--for",
        dest="lifetime",
        type=_seconds,
        default=0,
        metavar="TIME",
        help="how long after its last use, as 90s or 2h (default: the service's lifetime)",
    )
    add.add_argument(
        "--longest",
        type=_seconds,
        default=0,
        metavar="TIME",
        help="how long at the most, however often it is used (default: 1d)",
    )
    add.add_argument("--require", action="store_true", help="also above the load bound")
    add.command(_add).connects()

    remove = commands.add_parser("remove", help="lead clients nowhere in particular any more")
    _service(remove)
    remove.add_argument("clients", nargs="+", metavar="CLIENT", help="an address, or a prefix")
    remove.command(_remove).connects()


def _service(to: Parser) -> None:
    parser.service(to.add_argument("service", metavar="SERVICE"))


def _seconds(text: str) -> int:
    seconds = parse_ttl(text, "--for")
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is more than a day")
    return seconds


def _check(service: str, client: str) -> None:
    check_name(service, "SERVICE")
    if "/" in client:
        parse_prefix(client, "CLIENT")
    else:
        parse_address(client, "CLIENT")


def _add(options: argparse.Namespace) -> int:
    _check(options.service, options.client)
    check_name(options.backend, "BACKEND")
    from accel.v1 import hint_pb2 as pb

    request = pb.ApplyHintsRequest()
    hint = request.hints.add(
        service=options.service,
        client=options.client,
        backend=options.backend,
        require=options.require,
    )
    for name in ("lifetime", "longest"):
        if getattr(options, name):
            getattr(hint, name).seconds = getattr(options, name)
    _apply(options, request)
    return 0


def _remove(options: argparse.Namespace) -> int:
    from accel.v1 import hint_pb2 as pb

    request = pb.ApplyHintsRequest()
    for client in options.clients:
        _check(options.service, client)
        request.remove.add(service=options.service, client=client)
    answer = _apply(options, request)
    note(f"{amount(answer.removed)} removed")
    return 0


def _apply(options: argparse.Namespace, request: Any) -> Any:
    with refused.client(options) as client:
        (answer,) = client.apply_hints([request])
    refused.check(answer)
    return answer
