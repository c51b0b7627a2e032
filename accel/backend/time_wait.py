"""Ends what is in TIME-WAIT in the way of new connections, at once.

Clients send their data again, after a fifth of a second, and later each time that it was too early.
A client that waits for the server to speak first sends nothing again: it is asked for its ACK.
"""

from __future__ import annotations

import logging
import os
import select
import threading

from accel.backend.cookie_acceptor import Accept, LeftOver
from accel.backend.inet_diag import end_time_wait
from accel.backend.tcp_probe import probe, send_probe

_log = logging.getLogger(__name__)


class WayClearer:
    """A thread that does so for a program, until `close`."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._problem = ""
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="way clearer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, before the program."""
        os.eventfd_write(self._end, 1)
        self._thread.join()
        os.close(self._end)

    def _run(self) -> None:
        ready = select.poll()
        for fd in (self._accept.left_overs_fd, self._end):
            ready.register(fd, select.POLLIN)
        while all(fd != self._end for fd, _ in ready.poll()):
            self._clear()

    def _clear(self) -> None:
        for left in self._accept.take_left_overs():
            try:
                clear(left)
            except OSError as error:
                if self._problem != (problem := error.strerror or f"{error}"):
                    _log.warning("cannot end a connection in TIME-WAIT: %s", problem)
                self._problem = problem


def clear(left: LeftOver) -> None:
    """End it, and see that the client sends again what came too early. Raises OSError."""
    here, there, (their_port, port) = left.server, left.client, left.ports
    end_time_wait(here=here, there=there, port=port, their_port=their_port)
    if not left.data:
        send_probe(
            probe(here=here, there=there, ports=left.ports, numbers=left.numbers, times=left.times)
        )
