"""`accel agent haproxy`: tells gateways how many warm connections the HAProxy of this host has.

It asks HAProxy's runtime API twice a second. Whatever is not there (HAProxy, a gateway) is logged
once, and waited for. HAProxy without an answer has no warm connections.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from accel.agents.haproxy_stats import COMMAND, garbage, warm_budget
from accel.client.hint_client import HintClient
from accel.errors import AccelError, HostError

INTERVAL = 0.5  # seconds: a report is believed for two
REPORT_SECONDS = 1.0  # what is later is of no use
_ASK_SECONDS = 1.0
_MOST_BYTES = 64 << 20
_log = logging.getLogger(__name__)


class Trouble:
    """Something that may be away: it is logged when that begins, and when it is over."""

    def __init__(self, over: str) -> None:
        self._over = over
        self._present: object = None

    def met(self, error: AccelError, what: object) -> None:
        """`what` tells troubles apart whose texts are not always the same."""
        if what != self._present:
            _log.warning("%s; trying again", error)
        self._present = what

    def gone(self) -> None:
        """There is none now."""
        if self._present is not None:
            _log.info("%s", self._over)
        self._present = None


class Reporter:
    """A thread that tells one gateway the newest budget, so that none waits for another."""

    def __init__(self, client: HintClient, name: str, service: str, backend: str) -> None:
        self._client = client
        self._service, self._backend = service, backend
        self._trouble = Trouble(f"{name} takes reports again")
        self._changed = threading.Condition()
        self._budget: int | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def report(self, budget: int) -> None:
        """To be told as soon as the one before is."""
        with self._changed:
            self._budget = budget
            self._changed.notify()

    def end(self) -> None:
        """With a last report of 0."""
        with self._changed:
            self._budget, self._ended = 0, True
            self._changed.notify()

    def close(self) -> None:
        """Once that is told, or cannot be."""
        self.end()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                self._changed.wait_for(lambda: self._budget is not None)
                budget, self._budget = self._budget or 0, None
                ended = self._ended
            try:
                self._client.report_warm(self._service, {self._backend: budget})
            except AccelError as error:
                self._trouble.met(error, type(error))
            else:
                self._trouble.gone()


def ask(path: Path, seconds: float = _ASK_SECONDS) -> str:
    """HAProxy's answer to COMMAND at its stats socket. Raises HostError."""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(f"{COMMAND}\n".encode())
            answer = bytearray()
            while part := connection.recv(1 << 16):
                answer += part
                if len(answer) > _MOST_BYTES:
                    raise garbage()
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise HostError(
                f"HAProxy does not answer at {path} within {seconds:g} s", hint="is it overloaded?"
            ) from None
        except OSError as error:
            raise HostError(
                f"cannot ask HAProxy at {path}: {error.strerror or error}",
                hint=f"does it run, with `stats socket {path}`, and may this user write there?",
            ) from None
    return answer.decode("utf-8", "replace")


def _end(reporters: Sequence[Reporter]) -> None:
    """All at the same time."""
    for reporter in reporters:
        reporter.end()


def run(
    *,
    stats_socket: Path,
    haproxy_backends: Sequence[str],
    service: str,
    backend: str,
    gateways: Sequence[tuple[str, Callable[[], HintClient]]],
    interval: float = INTERVAL,
) -> int:
    """Until SIGTERM or SIGINT, when it reports 0. Returns 0.

    `gateways` are their names for the log, and how they are connected to. Raises what that raises.
    """
    ends = {signal.SIGTERM, signal.SIGINT}
    # First of all: the threads that are started inherit it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with ExitStack() as stack:
            reporters: list[Reporter] = []
            for name, connect in gateways:
                reporter = Reporter(connect(), name, service, backend)
                stack.callback(reporter.close)
                reporters.append(reporter)
            stack.callback(_end, reporters)
            names = ", ".join(name for name, _ in gateways)
            _log.info("%s is %s/%s for %s", stats_socket, service, backend, names)
            trouble = Trouble(f"HAProxy answers at {stats_socket} again")
            while True:
                budget = 0
                try:
                    budget = warm_budget(ask(stats_socket), haproxy_backends)
                    trouble.gone()
                except HostError as error:
                    trouble.met(error, error.message)
                for reporter in reporters:
                    reporter.report(budget)
                if signal.sigtimedwait(ends, interval):
                    break
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0
