"""accel backend run: what a backend's host needs, until Ctrl-C."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from accel.cli import parser, tls
from accel.cli.parser import Commands, Parser
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.backend import DEFAULT_GUE_PORT
from accel.model.guard_secret import KEY_PERIOD

if TYPE_CHECKING:
    from accel.backend.cookie_agent import KeySource


def register(below: Commands) -> None:
    """Add the command."""
    run = below.add_parser(
        "run",
        help="on a backend's host: unwrap what the gateway sends, and accept its SYN cookies",
        description="Attach what a backend's host needs, until Ctrl-C: with --allow a program that"
        " unwraps IPIP and GUE and hands the packets to this host's stack, which needs no tunnel"
        " modules; with --cookies one that makes connections of the SYN cookies of guard mode"
        " cookie-backend.",
    )
    parser.interface(run.add_argument("--interface", required=True, metavar="IFACE"))
    _unwrapping(run)
    _cookies(run)
    run.command(_run)


def _unwrapping(run: Parser) -> None:
    unwrap = run.add_argument_group("unwrapping")
    unwrap.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="PREFIX",
        help="outer sources that are accepted (repeatable): the gateways'",
    )
    unwrap.add_argument(
        "--address",
        dest="addresses",
        action="append",
        default=[],
        help="outer destinations (repeatable; default: those of the interface)",
    )
    unwrap.add_argument(
        "--gue-port", type=parser.whole(1, 65535), default=DEFAULT_GUE_PORT, metavar="PORT"
    )
    unwrap.add_argument("--mode", choices=("auto", "native", "generic"), default="auto")


def _cookies(run: Parser) -> None:
    cookies = run.add_argument_group("SYN cookies (Linux 6.8)")
    cookies.add_argument(
        "--cookies", action="store_true", help="accept them, by the keys of one of these two"
    )
    cookies.add_argument(
        "--keys-file", type=Path, metavar="FILE", help="the gateways' secret; clocks must agree"
    )
    cookies.add_argument(
        "--key-period",
        type=parser.whole(1, 86400),
        default=KEY_PERIOD,
        metavar="SECONDS",
        help="acceld's --key-period, with --keys-file (default: %(default)s)",
    )
    cookies.add_argument(
        "--gateway",
        dest="gateways",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="acceld's --tcp, which tells the keys (repeatable: all gateways)",
    )
    tls.register(cookies)


def _run(options: argparse.Namespace) -> int:
    from accel.backend import agent, cookie_agent, decapsulator

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parts: list[Callable[[], agent.Part]] = []
    if options.allow:
        parts.append(
            partial(
                decapsulator.Unwrapping,
                interface=options.interface,
                allow=options.allow,
                gue_port=options.gue_port,
                addresses=[parse_address(text, "--address") for text in options.addresses],
                mode=options.mode,
            )
        )
    sources = _key_sources(options)
    if sources:
        parts.append(partial(cookie_agent.Accepting, interface=options.interface, sources=sources))
    if not parts:
        raise InvalidError(
            "--allow",
            "is missing, and so is --cookies",
            hint="give one of them: accel backend run --help",
        )
    return agent.run(parts)


def _key_sources(options: argparse.Namespace) -> list[KeySource]:
    """Where the keys for cookies come from; none without --cookies. Raises InvalidError."""
    if not options.cookies:
        if options.keys_file or options.gateways or tls.given(options):
            raise InvalidError("--cookies", "is missing", hint="keys are of use with it alone")
        return []
    if bool(options.keys_file) == bool(options.gateways):
        raise InvalidError("--cookies", "takes its keys from --keys-file or from --gateway")
    if options.keys_file:
        if tls.given(options):
            raise InvalidError("--keys-file", "takes no --tls options, which are for --gateway")
        from accel.backend.cookie_agent import SecretKeys

        return [partial(SecretKeys, options.keys_file, period=options.key_period)]
    files = tls.certificates(options)
    from accel.backend.cookie_acceptor import MAX_GATEWAYS

    if len(options.gateways) > MAX_GATEWAYS:
        raise InvalidError("--gateway", f"is given more than {MAX_GATEWAYS} times")
    from accel.backend.key_stream import KeyStream

    return [partial(KeyStream, target, files) for target in options.gateways]
