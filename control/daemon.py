"""acceld: the daemon that is told over gRPC what the data path shall do."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from accel import __version__
from accel.control import bpffs, files, journal
from accel.control.api.tls import tls_of
from accel.control.files import Locks
from accel.control.gateway.gateway import Gateway
from accel.control.guard.keys import KeyRing, check_period, secret_beside
from accel.control.hints.pushed.put_plan import quotas_of
from accel.control.needs import MakeFollower, OpenDataPath
from accel.control.store.database import Store
from accel.datapath.datapath import DataPath as RealDataPath
from accel.ebpf import capabilities
from accel.errors import AccelError
from accel.model.guard_secret import KEY_PERIOD, read_secret
from accel.model.placement import Limits
from accel.nexthop.icmp_errors import TooBigSocket

GRACE = 3.0  # seconds that calls under way get at the end

_log = logging.getLogger(__name__)


def main(
    argv: Sequence[str] | None = None,
    *,
    open_data_path: OpenDataPath | None = None,
    make_follower: MakeFollower | None = None,
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code; those of errors are in accel.errors.

    The last two are for tests that need no kernel.
    """
    arguments = _parser().parse_args(argv)
    journal.set_up(arguments.log_level)
    # Backends stay: looking for garbage among 100,000 of them takes a fifth of an Apply.
    gc.set_threshold(50_000, 20, 20)
    locks = Locks()
    try:
        tls = tls_of(arguments.tcp, arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
        limits = Limits(
            services=arguments.max_services,
            backends=arguments.max_backends,
            flows=arguments.max_flows,
            slots=arguments.max_slots,
            prefixes=arguments.max_prefixes,
            sources=arguments.max_sources,
            hints=arguments.max_hints,
        ).check()
        quotas = quotas_of(limits, arguments.hints_per_caller, arguments.hints_per_service)
        period = check_period(arguments.key_period)
        if open_data_path is None:
            capabilities.require()
            bpffs.ensure(arguments.pin_root)
            cache = arguments.cache or arguments.state.parent
            open_data_path = partial(RealDataPath.open, kept=cache)
        _take_files(arguments, locks)
        secret = (
            read_secret(arguments.guard_secret)
            if arguments.guard_secret
            else secret_beside(arguments.state)
        )
        store = Store(arguments.state)
        with ThreadPoolExecutor(1) as other:
            opening = other.submit(open_data_path, arguments.pin_root, limits)
            # Meanwhile: these take a third of a second to load.
            from accel.control.api import server
            from accel.nexthop.follower import Follower

            data_path = opening.result()
        gateway = Gateway(
            store=store,
            data_path=data_path,
            make_follower=make_follower or Follower,
            keys=KeyRing(secret, period=period),
            quotas=quotas,
        )
        try:
            errors = TooBigSocket(gateway.on_too_big)
            asyncio.run(_serve(arguments, gateway, errors, partial(server.start, tls=tls)))
        finally:
            data_path.close()
            store.close()
    except AccelError as error:
        _log.error("%s", error)
        return error.exit_code
    finally:
        locks.release()
    return 0


def _take_files(arguments: argparse.Namespace, locks: Locks) -> None:
    """Make the folders and take the locks, or raise LockedError, HostError."""
    files.make_socket_folder(arguments.socket)
    files.make_folder(arguments.state.parent, "--state")
    if arguments.cache:
        files.make_folder(arguments.cache, "--cache")
    files.make_folder(arguments.pin_root, "--pin-root")
    locks.take(_beside(arguments.state), "--state")
    locks.take(_beside(arguments.socket), "--socket")
    locks.take(arguments.pin_root, "--pin-root")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


async def _serve(
    arguments: argparse.Namespace,
    gateway: Gateway,
    errors: TooBigSocket,
    start_server: Callable[[Gateway, Path], Awaitable[Any]],
) -> None:
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    try:
        await gateway.start(arguments.interface, arguments.xdp_mode)
        errors.start()
        running = await start_server(gateway, arguments.socket)
        _log.info(
            "acceld %s serves at %s, pid %d, data path %s %s",
            __version__,
            " and ".join(filter(None, (str(arguments.socket), arguments.tcp))),
            os.getpid(),
            "adopted at" if gateway.data_path.adopted else "new at",
            gateway.data_path.pin_path,
        )
        journal.notify("READY=1")
        await end.wait()
        journal.notify("STOPPING=1")
        gateway.hub.close()
        gateway.hints.hub.close()
        await running.stop(GRACE)
        arguments.socket.unlink(missing_ok=True)
    finally:
        errors.stop()
        await gateway.stop()
    _log.info("stopped; what is attached goes on steering")


def _parser() -> argparse.ArgumentParser:
    default = Limits()
    parser = argparse.ArgumentParser(
        prog="acceld",
        description="The daemon of the API acceleration gateway.",
        epilog="What it attaches goes on steering when it stops. docs/daemon.md has more.",
    )
    add = parser.add_argument
    add("--version", action="version", version=f"acceld {__version__}")
    add(
        "--socket",
        type=Path,
        default=Path("/run/accel/accel.sock"),
        metavar="PATH",
        help="unix socket to serve at (default: %(default)s)",
    )
    add(
        "--state",
        type=Path,
        default=Path("/var/lib/accel/state.db"),
        metavar="PATH",
        help="SQLite file of the desired state (default: %(default)s)",
    )
    add(
        "--cache",
        type=Path,
        default=os.environ.get("ACCEL_CACHE"),
        metavar="PATH",
        help="folder for what was compiled (default: $ACCEL_CACHE, or beside the state file)",
    )
    add(
        "--pin-root",
        type=Path,
        default=Path("/sys/fs/bpf/accel"),
        metavar="PATH",
        help="bpffs folder for the pinned maps and links (default: %(default)s)",
    )
    add(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="interface to attach to, unless attach or detach spoke of it before (repeatable)",
    )
    add(
        "--xdp-mode",
        choices=("auto", "native", "generic"),
        default="auto",
        help="how to attach those; auto falls back to generic (default: %(default)s)",
    )
    for name, what in (
        ("services", "entries for services; one less can be used"),
        ("backends", "entries for backends of all services; one less can be used"),
        ("flows", "entries of the flow cache; take twice the flows expected at a time"),
        ("slots", "slots of the rings of all services"),
        ("sources", "sources that the guard knows at a time, and as many rates"),
        ("prefixes", "allowed and denied prefixes; 16 bytes of memory each"),
        ("hints", "pushed hints of all services; about 100 bytes of map memory each"),
    ):
        add(
            f"--max-{name}",
            type=int,
            default=getattr(default, name),
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )
    for name in ("caller", "service"):
        add(
            f"--hints-per-{name}",
            type=int,
            metavar="N",
            help=f"pushed hints that one {name} may have (default: as many as there may be)",
        )
    add(
        "--guard-secret",
        type=Path,
        metavar="FILE",
        help="what the guard's keys are made of, in hexadecimal; gateways that stand in for each "
        "other share it (default: guard-secret beside the state file, made at random)",
    )
    add(
        "--key-period",
        type=int,
        default=KEY_PERIOD,
        metavar="SECONDS",
        help="how long each of those keys is in use (default: %(default)s)",
    )
    add("--tcp", default="", metavar="ADDR:PORT", help="serve TCP too, with mutual TLS")
    add("--tls-cert", type=Path, metavar="PEM", help="certificate chain of the daemon")
    add("--tls-key", type=Path, metavar="PEM", help="its key")
    add("--tls-client-ca", type=Path, metavar="PEM", help="authority of the clients' certificates")
    add(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="least level that is logged (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
