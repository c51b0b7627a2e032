"""The HAProxy agent, between a HAProxy that is one line of a socket and a gateway that notes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from accel.agents import haproxy
from accel.agents.haproxy_stats import COMMAND
from accel.errors import HostError, UnreachableError

ANSWER = Path(__file__).with_name("haproxy-2.6.txt").read_text()
WARM = 12


@contextlib.contextmanager
def answering(path: Path, answer: str) -> Iterator[list[bytes]]:
    """A runtime API that gives this answer to everything; what it was asked."""
    asked: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                asked.append(connection.recv(4096))
                connection.sendall(answer.encode())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        path.unlink()
        thread.join()


class Noting:
    """A gateway: what it was told, and whether it is away."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.away = False
        self.tries = 0
        self.closed = False

    def report_warm(self, service: str, budgets: Mapping[str, int]) -> None:
        self.tries += 1
        if self.away:
            raise UnreachableError(f"no daemon today, try {self.tries}")
        assert service == "api"
        assert list(budgets) == ["b1"]
        self.told.append(budgets["b1"])

    def close(self) -> None:
        self.closed = True


def until(seen: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def during_run(path: Path, gateways: list[Noting], act: Callable[[], None]) -> None:
    """The agent runs while `act` does; then it gets SIGTERM, and ends."""
    failures: list[BaseException] = []

    def acting() -> None:
        try:
            act()
        except BaseException as failure:
            failures.append(failure)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    signals = {signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    thread = threading.Thread(target=acting)
    thread.start()
    try:
        code = haproxy.run(
            stats_socket=path,
            haproxy_backends=[],
            service="api",
            backend="b1",
            gateways=[(f"gateway{i}", lambda g=g: g) for i, g in enumerate(gateways)],  # type: ignore[misc]
            interval=0.01,
        )
    finally:
        thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert not failures, failures
    assert code == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_it_reports_and_ends_with_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gateway = Noting()
    with answering(path, ANSWER) as asked:
        during_run(path, [gateway], lambda: until(lambda: len(gateway.told) > 5, "reports"))
    assert set(asked) == {f"{COMMAND}\n".encode()}
    assert set(gateway.told[:-1]) == {WARM}
    assert gateway.told[-1] == 0
    assert gateway.closed
    assert warnings(caplog) == []


def test_haproxy_comes_goes_and_comes_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gateway = Noting()

    def told(budget: int) -> None:
        count = len(gateway.told) + 1  # one may be under way
        until(lambda: len(gateway.told) > count + 3, "reports")
        assert gateway.told[-1] == budget

    def act() -> None:
        told(0)
        for answer in (ANSWER, "what?\n", ANSWER):
            with answering(path, answer):
                told(WARM if answer == ANSWER else 0)
            told(0)

    during_run(path, [gateway], act)
    first, *rest = warnings(caplog)
    assert first.startswith(f"cannot ask HAProxy at {path}: No such file or directory (does it run")
    # However often it was asked in vain: one line each time that something else was wrong.
    assert 3 <= len(rest) <= 8
    assert sum("something else than HAProxy does" in line for line in rest) == 1
    assert caplog.text.count(f"HAProxy answers at {path} again") == 2


def test_a_gateway_that_is_away_keeps_no_other_waiting(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    away, there = Noting(), Noting()
    away.away = True

    def act() -> None:
        until(lambda: len(there.told) > 5 and away.tries > 5, "reports")
        away.away = False
        until(lambda: away.told, "a report after all")

    with answering(path, ANSWER):
        during_run(path, [away, there], act)
    assert len(warnings(caplog)) == 1
    assert warnings(caplog)[0].startswith("no daemon today, try 1")
    assert caplog.text.count("gateway0 takes reports again") == 1
    assert away.told[-1] == there.told[-1] == 0


def test_a_haproxy_that_says_nothing_is_not_waited_for(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(HostError, match="does not answer at"):
            haproxy.ask(path, 0.05)
