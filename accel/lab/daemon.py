"""acceld in a gateway's namespace, with its socket, state and pins in the lab's folder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from accel.client.client import Client
from accel.errors import HostError, UnreachableError
from accel.lab.hosts import INTERFACE, Host
from accel.lab.network import Lab
from accel.model.backend import Backend, Mode
from accel.model.service import Service

_START_SECONDS = 600.0  # a busy emulated machine compiles for minutes, and first writes wait
_SETTLE_SECONDS = 300.0


class Daemon:
    """The process and a client of it. A context manager; it ends with the lab at the latest.

    `command` is what `start` runs; options that are added to it count from the next start.
    What it attached goes on steering after `stop` and `kill`, as on a real host.
    """

    def __init__(self, lab: Lab, host: Host | None = None, *, options: Sequence[str] = ()) -> None:
        self.host = host or lab.gateway
        self.folder = lab.folder / self.host.name
        self.folder.mkdir(mode=0o750, exist_ok=True)
        self.log = self.folder / "acceld.log"
        self.socket = self.folder / "accel.sock"
        self.command = [sys.executable, "-m", "accel.control.daemon", "--interface", INTERFACE]
        self.command += ["--socket", str(self.socket), "--state", str(self.folder / "state.db")]
        self.command += ["--pin-root", str(lab.bpffs() / self.host.name), *options]
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process; returns when it answers. Raises HostError with its log if not."""
        self._log_file = self.log.open("a")
        self.process = self.host.namespace.popen(
            self.command, stdout=self._log_file, stderr=subprocess.STDOUT
        )
        self.client = Client(self.socket, seconds=_START_SECONDS)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.client.status()
            except UnreachableError:
                time.sleep(0.02)
                self.client.close()
                self.client = Client(self.socket, seconds=_START_SECONDS)
            else:
                return
        self.kill()
        raise HostError(
            f"acceld does not start on {self.host.name}:\n{self.log.read_text()[-2000:]}",
            hint="run `accel check`",
        )

    def apply(
        self, services: Sequence[Service], backends: Sequence[Backend], *, prune: bool = True
    ) -> None:
        """Make this the whole desired state, or without `prune` a part of it, and wait until every
        backend is reached.

        Raises HostError if the next hop of one is not found.
        """
        self.client.apply(services, backends, prune=prune)
        deadline = time.monotonic() + _SETTLE_SECONDS
        while problems := self._unresolved():
            if time.monotonic() > deadline:
                raise HostError("; ".join(problems), hint="see the daemon's log")
            time.sleep(0.01)

    def _unresolved(self) -> list[str]:
        return [
            f"{reached.backend.name}: {reached.hop.problem}"
            for reached in self.client.backends()[0]
            if not reached.hop.resolved and reached.backend.mode is not Mode.LOCAL
        ]

    def stop(self) -> None:
        """End it in good order. May be called twice."""
        self.process.terminate()
        self._ended()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self._ended()

    def _ended(self) -> None:
        self.client.close()
        self.process.wait()
        self._log_file.close()
