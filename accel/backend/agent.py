"""`accel backend run`: the programs of a backend's host, until it is told to end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from accel.backend.signals import ends_awaited
from accel.backend.verdicts import Counts

_REFRESH_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Part(Protocol):
    """A program that is attached, and what it must be told while it runs."""

    def refresh(self) -> None:
        """Called once a second. Raises AccelError if there is no going on."""

    def counts(self) -> Counts:
        """Packets and bytes by verdict."""

    def close(self) -> None:
        """Detach and unload."""


def run(parts: Sequence[Callable[[], Part]]) -> int:
    """Start them all, and end them on SIGTERM or SIGINT with their counts in the log. Returns 0.

    Raises what starting and refreshing them raises.
    """
    with ends_awaited() as ended, ExitStack() as stack:
        running = []
        for start in parts:
            part = start()
            stack.callback(part.close)
            running.append(part)
        while True:
            for part in running:
                part.refresh()
            if ended(_REFRESH_SECONDS):
                break
        for part in running:
            for verdict, (packets, size) in part.counts().items():
                if packets:
                    _log.info("%s: %d packets, %d bytes", verdict.name, packets, size)
    return 0
