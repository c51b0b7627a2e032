"""acceld: the daemon that is told over gRPC what the data path shall do."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from accel import __version__
from accel.control import bpffs, journal, server
from accel.control.gateway import Gateway
from accel.control.locks import Locks
from accel.control.needs import DataPath, MakeFollower, OpenDataPath
from accel.control.store import Store
from accel.datapath import DataPath as RealDataPath
from accel.errors import AccelError, HostError, InvalidError
from accel.placed import Limits

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
    if make_follower is None:
        from accel.netlink import Follower

        make_follower = Follower
    locks = Locks()
    try:
        tls = _tls(arguments)
        limits = Limits(
            services=arguments.max_services,
            backends=arguments.max_backends,
            flows=arguments.max_flows,
        ).check()
        if open_data_path is None:
            bpffs.ensure(arguments.pin_root)
            open_data_path = RealDataPath.open
        server.prepare_folder(arguments.socket)
        store = _locked_store(arguments, locks)
        data_path = open_data_path(arguments.pin_root, limits)
        try:
            asyncio.run(_serve(arguments, tls, store, data_path, make_follower))
        finally:
            data_path.close()
            store.close()
    except AccelError as error:
        _log.error("%s", error)
        return error.exit_code
    finally:
        locks.release()
    return 0


def _locked_store(arguments: argparse.Namespace, locks: Locks) -> Store:
    """The state file, after all three locks are ours."""
    for folder, option in ((arguments.state.parent, "--state"), (arguments.pin_root, "--pin-root")):
        try:
            folder.mkdir(mode=server.FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"cannot make the folder {folder}: {error.strerror}",
                hint=f"give another {option}"
                + (", or mount -t bpf bpf /sys/fs/bpf" if option == "--pin-root" else ""),
            ) from error
    locks.take(_beside(arguments.state), "--state")
    locks.take(_beside(arguments.socket), "--socket")
    locks.take(arguments.pin_root, "--pin-root")
    return Store(arguments.state)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


async def _serve(
    arguments: argparse.Namespace,
    tls: server.Tls | None,
    store: Store,
    data_path: DataPath,
    make_follower: MakeFollower,
) -> None:
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    gateway = Gateway(store=store, data_path=data_path, make_follower=make_follower)
    try:
        await gateway.start(arguments.interface, arguments.xdp_mode)
        running = await server.start(gateway, arguments.socket, tcp=arguments.tcp, tls=tls)
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
        gateway.hub.close()
        await running.stop(GRACE)
        arguments.socket.unlink(missing_ok=True)
    finally:
        await gateway.stop()
    _log.info("stopped; what is attached goes on steering")


def _tls(arguments: argparse.Namespace) -> server.Tls | None:
    files = (arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    if not arguments.tcp and not any(files):
        return None
    if not arguments.tcp or not all(files):
        raise InvalidError(
            "--tcp",
            "TCP is served with mutual TLS only",
            hint="give --tcp, --tls-cert, --tls-key and --tls-client-ca together, or none of them",
        )
    return server.Tls(
        certificate=arguments.tls_cert,
        key=arguments.tls_key,
        client_ca=arguments.tls_client_ca,
    )


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
        ("flows", "flows that are expected at a time"),
    ):
        add(
            f"--max-{name}",
            type=int,
            default=getattr(default, name),
            metavar="N",
            help=f"{what} (default: %(default)s)",
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
