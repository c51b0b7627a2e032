"""Logs to stderr as the journal likes them, and word to systemd. Nothing of it needs systemd.

Sources: sd-daemon(3) for the level prefix, sd_notify(3) for the datagram.
"""

from __future__ import annotations

import logging
import os
import socket
import sys

_log = logging.getLogger(__name__)
_PREFIXES = {
    logging.CRITICAL: "<2>",
    logging.ERROR: "<3>",
    logging.WARNING: "<4>",
    logging.INFO: "<6>",
    logging.DEBUG: "<7>",
}


class _Formatter(logging.Formatter):
    """One line for each event, even if it bears a traceback."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\n", " | ")
        return f"{_PREFIXES.get(record.levelno, '<6>')}{text}" if self._journal else text


def set_up(level: str) -> None:
    """Log from `level` up: "debug", "info", "warning" or "error"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def notify(state: str) -> None:
    """Tell the service manager, if there is one, as in "READY=1"."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), address)
    except OSError as error:
        _log.warning("the service manager cannot be told %s: %s", state, error.strerror)
