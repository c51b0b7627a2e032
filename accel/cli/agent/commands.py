"""accel agent haproxy: what tells a gateway, beside a backend's server, where it is warm."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from accel.cli import connect, parser, tls
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model.address import check_name

if TYPE_CHECKING:
    from accel.client.hint_client import HintClient


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.add_parser(
        "agent", help="beside a backend's server: reports its warm connections"
    )
    below = group.add_subparsers(metavar="COMMAND", required=True)
    haproxy = below.add_parser(
        "haproxy",
        help="reports HAProxy's idle connections to its servers",
        description="Ask HAProxy twice a second how many idle connections it has to its servers"
        " that are up, and report them for the backend that this HAProxy is, until Ctrl-C. The"
        " service needs `accel hint set SERVICE --warm`.",
        epilog="example:\n  accel agent haproxy --stats-socket /run/haproxy/admin.sock \\\n"
        "      --service api --backend b1 --gateway 192.0.2.1:7443 \\\n"
        "      --tls-cert b1.pem --tls-key b1.key --tls-ca ca.pem",
    )
    _arguments(haproxy)
    haproxy.command(_haproxy)


def _arguments(haproxy: Parser) -> None:
    parser.file(
        haproxy.add_argument(
            "--stats-socket",
            type=Path,
            required=True,
            metavar="PATH",
            help="`stats socket` of HAProxy's configuration",
        )
    )
    parser.service(haproxy.add_argument("--service", required=True, metavar="SERVICE"))
    haproxy.add_argument(
        "--backend", required=True, metavar="NAME", help="of the service: which one this is"
    )
    haproxy.add_argument(
        "--haproxy-backend",
        dest="haproxy_backends",
        action="append",
        default=[],
        metavar="NAME",
        help="only the servers of this backend of HAProxy's (repeatable; default: of all)",
    )
    where = haproxy.add_argument_group("whom to tell (default: the daemon of this host)")
    where.add_argument(
        "--gateway",
        dest="gateways",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="acceld's --tcp (repeatable: all gateways)",
    )
    tls.register(where)
    parser.socket(haproxy, default=argparse.SUPPRESS)


def _haproxy(options: argparse.Namespace) -> int:
    check_name(options.service, "--service")
    check_name(options.backend, "--backend")
    gateways = _gateways(options)
    from accel.agents import haproxy as haproxy_agent

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return haproxy_agent.run(
        stats_socket=options.stats_socket,
        haproxy_backends=options.haproxy_backends,
        service=options.service,
        backend=options.backend,
        gateways=gateways,
    )


def _gateways(options: argparse.Namespace) -> list[tuple[str, Callable[[], HintClient]]]:
    """Names, and how to connect. Raises InvalidError."""
    connect.quiet()
    if not options.gateways and tls.given(options):
        raise InvalidError("--gateway", "is missing", hint="the --tls options are for it alone")
    if options.gateways and options.socket:
        raise InvalidError("--socket", "takes no --gateway beside it", hint="give one of them")
    files = tls.certificates(options) if options.gateways else None
    from accel.agents.haproxy import REPORT_SECONDS
    from accel.client.hint_client import HintClient

    targets: list[Path | str] = options.gateways or [connect.socket_path(options)]
    return [
        (
            str(target),
            partial(HintClient, target, certificates=files, seconds=REPORT_SECONDS),
        )
        for target in targets
    ]
