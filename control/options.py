"""The options of acceld."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from accel import __version__
from accel.model.guard_secret import KEY_PERIOD
from accel.model.placement import Limits

_DEFAULT = "(default: %(default)s)"


def parser() -> argparse.ArgumentParser:
    """Of its command line."""
    made = argparse.ArgumentParser(
        prog="acceld",
        description="The daemon of the API acceleration gateway.",
        epilog="What it attaches goes on steering when it stops. docs/daemon.md has more.",
    )
    made.add_argument("--version", action="version", version=f"acceld {__version__}")
    _add_files(made)
    _add_interfaces(made)
    _add_limits(made)
    _add_guard(made)
    _add_tcp(made)
    made.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help=f"least level that is logged {_DEFAULT}",
    )
    return made


def limits_of(arguments: argparse.Namespace) -> Limits:
    """Raises InvalidError."""
    return Limits(
        services=arguments.max_services,
        backends=arguments.max_backends,
        flows=arguments.max_flows,
        slots=arguments.max_slots,
        prefixes=arguments.max_prefixes,
        sources=arguments.max_sources,
        hints=arguments.max_hints,
    ).check()


def _add_files(made: argparse.ArgumentParser) -> None:
    for option, default, what in (
        ("--socket", Path("/run/accel/accel.sock"), f"unix socket to serve at {_DEFAULT}"),
        (
            "--state",
            Path("/var/lib/accel/state.db"),
            f"SQLite file of the desired state {_DEFAULT}",
        ),
        (
            "--cache",
            os.environ.get("ACCEL_CACHE"),
            "folder for what was compiled (default: $ACCEL_CACHE, or beside the state file)",
        ),
        (
            "--pin-root",
            Path("/sys/fs/bpf/accel"),
            f"bpffs folder for the pinned maps and links {_DEFAULT}",
        ),
    ):
        made.add_argument(option, type=Path, default=default, metavar="PATH", help=what)


def _add_interfaces(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="interface to attach to, unless attach or detach spoke of it before (repeatable)",
    )
    made.add_argument(
        "--xdp-mode",
        choices=("auto", "native", "generic"),
        default="auto",
        help=f"how to attach those; auto falls back to generic {_DEFAULT}",
    )


def _add_limits(made: argparse.ArgumentParser) -> None:
    for name, what in (
        ("services", "entries for services; one less can be used"),
        ("backends", "entries for backends of all services; one less can be used"),
        ("flows", "entries of the flow cache; take twice the flows expected at a time"),
        ("slots", "slots of the rings of all services"),
        ("sources", "sources that the guard knows at a time, and as many rates"),
        ("prefixes", "allowed and denied prefixes; 16 bytes of memory each"),
        ("hints", "pushed hints of all services; about 100 bytes of map memory each"),
    ):
        made.add_argument(
            f"--max-{name}",
            type=int,
            default=getattr(Limits(), name),
            metavar="N",
            help=f"{what} {_DEFAULT}",
        )
    for name in ("caller", "service"):
        made.add_argument(
            f"--hints-per-{name}",
            type=int,
            metavar="N",
            help=f"pushed hints that one {name} may have (default: as many as there may be)",
        )


def _add_guard(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--guard-secret",
        type=Path,
        metavar="FILE",
        help="what the guard's keys are made of, in hexadecimal; gateways that stand in for each "
        "other share it (default: guard-secret beside the state file, made at random)",
    )
    made.add_argument(
        "--key-period",
        type=int,
        default=KEY_PERIOD,
        metavar="SECONDS",
        help=f"how long each of those keys is in use {_DEFAULT}",
    )


def _add_tcp(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--tcp", default="", metavar="ADDR:PORT", help="serve TCP too, with mutual TLS"
    )
    for name, what in (
        ("cert", "certificate chain of the daemon"),
        ("key", "its key"),
        ("client-ca", "authority of the clients' certificates"),
    ):
        made.add_argument(f"--tls-{name}", type=Path, metavar="PEM", help=what)
