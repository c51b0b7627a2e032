"""acceld as a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from accel.v1 import gateway_pb2_grpc
from tests.support.tree import ROOT

_KEPT = ("ACCEL_CACHE", "OPENBLAS_NUM_THREADS")  # of the environment, see tests/conftest.py
REAL = ("-m", "accel.control.daemon")
FAKE = ("-m", "tests.support.daemon.fakes")
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def channel_to(socket: Path) -> Any:
    """A channel that tries again at once while the daemon starts."""
    return grpc.insecure_channel(
        f"unix:{socket}",
        options=[
            # Of its own: one that was left over knows of a daemon that is gone.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 20),
            ("grpc.max_reconnect_backoff_ms", 50),
            ("grpc.max_receive_message_length", -1),
        ],
    )


@dataclass(kw_only=True)
class Acceld:
    """Its files are in `folder`; start it as often as you like, once at a time."""

    folder: Path
    program: tuple[str, ...] = FAKE
    pin_root: Path | None = None
    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "accel.sock"

    @property
    def state(self) -> Path:
        return self.folder / "lib" / "state.db"

    def command(self, *options: str) -> list[str]:
        files = {
            "--socket": self.socket,
            "--state": self.state,
            "--pin-root": self.pin_root or self.folder / "pins",
        }
        named = [part for option, path in files.items() for part in (option, str(path))]
        return [*_ENDS_WITH_US, *self.prefix, sys.executable, *self.program, *named, *options]

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator[Running]:
        """A daemon that answers. It is killed in the end if it still runs."""
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                self.command(*options),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    **{name: os.environ[name] for name in _KEPT},
                    **self.environment,
                },
            )
        try:
            with channel_to(self.socket) as channel:
                ready = grpc.channel_ready_future(channel)
                while not ready.done():
                    assert process.poll() is None, f"acceld ended:\n{self.log()}"
                    with contextlib.suppress(grpc.FutureTimeoutError):
                        ready.result(timeout=0.05)
                yield Running(process=process, channel=channel)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def fails(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, which is to come by itself."""
        return subprocess.run(
            self.command(*options),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def log(self) -> str:
        return (self.folder / "log").read_text()


@dataclass(kw_only=True)
class Running:
    process: subprocess.Popen[bytes]
    channel: Any

    @property
    def stub(self) -> Any:
        return gateway_pb2_grpc.GatewayServiceStub(self.channel)

    def terminate(self) -> int:
        """SIGTERM, and the exit code that follows."""
        self.process.terminate()
        return self.process.wait(timeout=120)
