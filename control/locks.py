"""One daemon for each state file, socket and data path.

The kernel drops these locks when their holder ends, however that comes about.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from accel.errors import HostError, LockedError


class Locks:
    """Locks held until `release` or the end of the process."""

    def __init__(self) -> None:
        self._fds: list[int] = []

    def take(self, path: Path, option: str) -> None:
        """Lock `path`, a folder or a file that is made where there is none; `option` names it.

        Raises LockedError if another process has it, HostError if it cannot be opened.
        """
        try:
            flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
            fd = os.open(path, flags | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise HostError(
                f"cannot open the lock {path}: {error.strerror}",
                hint=f"see that its folder is there and writable, or give another {option}",
            ) from error
        self._fds.append(fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"another acceld runs with this {option} (lock {path})",
                hint="stop it first, or give this one its own --state, --socket and --pin-root",
            ) from None

    def release(self) -> None:
        """Give all of them back; the files stay, since removing them would race."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
