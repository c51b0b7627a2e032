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
from accel.control import bpffs, files, journal, options
from accel.control.api.tls import tls_of
from accel.control.files import Locks
from accel.control.gateway.gateway import Gateway
from accel.control.guard.keys import KeyRing, check_period, secret_beside
from accel.control.hints.pushed.put_plan import quotas_of
from accel.control.ports import DataPath, MakeFollower, OpenDataPath
from accel.control.store.database import Store
from accel.datapath.datapath import DataPath as RealDataPath
from accel.ebpf import capabilities
from accel.errors import AccelError
from accel.model.guard_secret import read_secret
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
    arguments = options.parser().parse_args(argv)
    journal.set_up(arguments.log_level)
    # Backends stay: looking for garbage among 100,000 of them takes a fifth of an Apply.
    gc.set_threshold(50_000, 20, 20)
    locks = Locks()
    try:
        _run(arguments, locks, open_data_path, make_follower)
    except AccelError as error:
        _log.error("%s", error)
        return error.exit_code
    finally:
        locks.release()
    return 0


def _run(
    arguments: argparse.Namespace,
    locks: Locks,
    open_data_path: OpenDataPath | None,
    make_follower: MakeFollower | None,
) -> None:
    tls = tls_of(arguments.tcp, arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    limits = options.limits_of(arguments)
    quotas = quotas_of(limits, arguments.hints_per_caller, arguments.hints_per_service)
    period = check_period(arguments.key_period)
    if open_data_path is None:
        open_data_path = _real_data_path(arguments)
    _take_files(arguments, locks)
    keys = KeyRing(_secret(arguments), period=period)
    store = Store(arguments.state)
    with ThreadPoolExecutor(1) as other:
        opening = other.submit(open_data_path, arguments.pin_root, limits)
        # Meanwhile: these take a third of a second to load.
        from accel.control import wiring
        from accel.control.api import server
        from accel.nexthop.follower import Follower

        data_path = opening.result()
    gateway, serves = wiring.wire(
        store=store,
        data_path=data_path,
        make_follower=make_follower or Follower,
        settings=wiring.Settings(
            interfaces=arguments.interface, xdp_mode=arguments.xdp_mode, keys=keys, quotas=quotas
        ),
    )
    try:
        start_server = partial(server.start, serves, arguments.socket, tls=tls)
        asyncio.run(_serve(arguments, gateway, data_path, start_server))
    finally:
        data_path.close()
        store.close()


def _real_data_path(arguments: argparse.Namespace) -> OpenDataPath:
    capabilities.require()
    bpffs.ensure(arguments.pin_root)
    return partial(RealDataPath.open, kept=arguments.cache or arguments.state.parent)


def _secret(arguments: argparse.Namespace) -> bytes:
    if arguments.guard_secret:
        return read_secret(arguments.guard_secret)
    return secret_beside(arguments.state)


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
    data_path: DataPath,
    start_server: Callable[[], Awaitable[Any]],
) -> None:
    end = asyncio.Event()
    errors = TooBigSocket(gateway.on_too_big)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    try:
        await gateway.start()
        errors.start()
        running = await start_server()
        gateway.serving()
        _log.info(
            "acceld %s serves at %s, pid %d, data path %s %s",
            __version__,
            " and ".join(filter(None, (str(arguments.socket), arguments.tcp))),
            os.getpid(),
            "adopted at" if data_path.adopted else "new at",
            data_path.pin_path,
        )
        journal.notify("READY=1")
        await end.wait()
        journal.notify("STOPPING=1")
        gateway.closing()
        await running.stop(GRACE)
        arguments.socket.unlink(missing_ok=True)
    finally:
        errors.stop()
        await gateway.stop()
    _log.info("stopped; what is attached goes on steering")


if __name__ == "__main__":
    raise SystemExit(main())
