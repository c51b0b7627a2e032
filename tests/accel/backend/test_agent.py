"""What `accel backend run` does with its parts: starts, refreshes and ends them in order."""

from __future__ import annotations

import logging
import signal
import threading
from functools import partial

import pytest

from accel.backend import agent
from accel.backend.verdicts import BackendVerdict, Counts
from accel.errors import HostError

SEEN = BackendVerdict(name="seen", action="PASS", expected=True, meaning="")
UNSEEN = BackendVerdict(name="unseen", action="PASS", expected=True, meaning="")


# A thread that a library has started, which has no signal blocked.
BYSTANDER = threading.Thread(target=threading.Event().wait, daemon=True)
BYSTANDER.start()


class Part:
    def __init__(self, name: str, did: list[str], fails: str = "") -> None:
        self.name, self.did, self.fails = name, did, fails
        self._do("start")

    def _do(self, what: str) -> None:
        self.did.append(f"{self.name} {what}")
        if what == self.fails:
            raise HostError(f"no {what}")

    def refresh(self) -> None:
        self._do("refresh")
        if self.name == "last":
            signal.pthread_kill(BYSTANDER.ident or 0, signal.SIGTERM)

    def counts(self) -> Counts:
        return {SEEN: (7, 700), UNSEEN: (0, 0)}

    def close(self) -> None:
        self._do("close")


def test_parts_run_until_the_signal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    did: list[str] = []
    assert agent.run([partial(Part, "first", did), partial(Part, "last", did)]) == 0
    assert did == [
        *("first start", "last start", "first refresh", "last refresh"),
        *("last close", "first close"),
    ]
    assert caplog.messages == ["seen: 7 packets, 700 bytes"] * 2


@pytest.mark.parametrize("fails", ["start", "refresh"])
def test_what_fails_ends_the_others(fails: str) -> None:
    did: list[str] = []
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(HostError, match=f"no {fails}"):
        agent.run([partial(Part, "first", did), partial(Part, "second", did, fails)])
    assert did.count("first close") == 1
    assert did.count("second close") == (fails == "refresh")
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert after == before
