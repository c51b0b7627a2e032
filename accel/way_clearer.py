"""Ends what is in TIME-WAIT in the way of new connections, at once.

A client that uses ports again waits for it: its next segment comes after a fifth of a second, and
each one that comes too early doubles that.
"""

from __future__ import annotations

import logging
import os
import select
import threading

from accel.accept import Accept
from accel.sock_diag import end_time_wait

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
            their_port, port = left.ports
            try:
                end_time_wait(here=left.server, there=left.client, port=port, their_port=their_port)
            except OSError as error:
                if self._problem != (problem := error.strerror or f"{error}"):
                    _log.warning("cannot end a connection in TIME-WAIT: %s", problem)
                self._problem = problem
