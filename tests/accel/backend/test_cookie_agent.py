"""`accel backend run --cookies` without a kernel: keys by the clock, and what it warns of."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accel.backend import cookie_agent
from accel.backend.cookie_acceptor import VERDICTS, CookieKeys
from accel.backend.cookie_agent import Accepting, SecretKeys
from accel.backend.verdicts import Counts
from accel.errors import HostError, InvalidError, NotFoundError
from accel.model.guard_secret import COOKIE, keys_around

SECRET = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text(SECRET.hex())
    return made


def test_keys_roll_by_the_clock(path: Path) -> None:
    told: list[CookieKeys] = []
    times = iter([600.0, 601.0, 659.9, 660.0, 900.0, 899.0])
    keys = SecretKeys(path, told.append, clock=times.__next__)
    for _ in range(5):
        keys.refresh()
    assert [each.generation for each in told] == [10, 11, 15, 14]
    assert all(k.keys == keys_around(SECRET, COOKIE, k.generation) for k in told)


def test_another_period(path: Path) -> None:
    told: list[CookieKeys] = []
    SecretKeys(path, told.append, period=7, clock=lambda: 70.0)
    assert [each.generation for each in told] == [10]


def test_a_bad_secret_is_refused_at_once(path: Path) -> None:
    path.write_text("no secret")
    with pytest.raises(InvalidError, match="hexadecimal"):
        SecretKeys(path, print)


class Program:
    """In the place of Accept."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.keys: list[tuple[int, CookieKeys]] = []
        self.refuses = False
        self.closed = self.forgot = 0
        self.attached = False
        self.left_overs_fd = os.eventfd(0)

    def set_keys(self, keys: CookieKeys, gateway: int) -> None:
        assert self.attached, "it says that it accepts when it has keys"
        self.keys.append((gateway, keys))

    def forget_former(self) -> None:
        self.forgot += 1

    def attach(self, interface: str) -> None:
        if self.refuses:
            raise NotFoundError("interface", interface)
        self.attached = True

    def counts(self) -> Counts:
        return {verdict: (self.numbers.get(verdict.name, 0), 0) for verdict in VERDICTS}

    def close(self) -> None:
        self.closed += 1


class Keys:
    """A source that is told when to speak."""

    def __init__(self, on_keys: Callable[[CookieKeys], None]) -> None:
        self.on_keys = on_keys
        self.refreshed = self.closed = 0

    def refresh(self) -> None:
        self.refreshed += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    made = Program()
    monkeypatch.setattr(cookie_agent, "check_host", lambda: None)
    monkeypatch.setattr(cookie_agent, "Accept", lambda: made)
    yield made
    os.close(made.left_overs_fd)


def test_it_waits_for_keys_and_says_so(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sources: list[Keys] = []

    def source(on_keys: Callable[[CookieKeys], None]) -> Keys:
        sources.append(Keys(on_keys))
        return sources[-1]

    part = Accepting(interface="eth0", sources=[source, source])
    assert "waiting for keys" in caplog.text
    keys = CookieKeys(generation=9, keys=((0, 0),) * 4)
    sources[1].on_keys(keys)
    sources[0].on_keys(keys)
    assert caplog.text.count("accepting SYN cookies on eth0") == 1
    assert program.keys == [(1, keys), (0, keys)]
    part.refresh()
    part.close()
    assert [(each.refreshed, each.closed) for each in sources] == [(1, 1)] * 2
    assert (program.forgot, program.closed) == (1, 1)


def test_refused_connections_are_told_once(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    part = Accepting(interface="eth0", sources=[Keys])
    for refused in (0, 3, 3, 5):
        program.numbers["refused"] = refused
        part.refresh()
    assert [r.args[0] for r in caplog.records if r.args] == [3, 2]  # type: ignore[index]


def test_what_does_not_start_leaves_nothing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.refuses = True
    sources: list[Keys] = []

    def source(on_keys: Callable[[CookieKeys], None]) -> Keys:
        sources.append(Keys(on_keys))
        return sources[-1]

    def bad(on_keys: Callable[[CookieKeys], None]) -> Keys:
        raise InvalidError("secret", "is no hexadecimal number")

    with pytest.raises(NotFoundError):
        Accepting(interface="nowhere", sources=[source])
    assert (sources, program.closed) == ([], 1)
    program.refuses = False
    with pytest.raises(InvalidError):
        Accepting(interface="eth0", sources=[source, bad])
    assert (sources[0].closed, program.closed) == (1, 2)

    def refuse() -> None:
        raise HostError("tcp_sack")

    monkeypatch.setattr(cookie_agent, "check_host", refuse)
    with pytest.raises(HostError, match="tcp_sack"):
        Accepting(interface="eth0", sources=[Keys])
