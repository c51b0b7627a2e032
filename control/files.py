"""The folders of the daemon, and the locks by which it has them for itself."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from pathlib import Path

from accel.errors import HostError, InvalidError, LockedError

FOLDER_MODE = 0o750
_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its end

_log = logging.getLogger(__name__)


def make_folder(folder: Path, option: str) -> None:
    """Make `folder` where there is none; `option` names it. Raises HostError."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(
            f"cannot make the folder {folder}: {error.strerror}", hint=f"give another {option}"
        ) from error


def make_socket_folder(socket: Path) -> None:
    """Make the folder of `socket`, whose mode says who may talk; only sockets are replaced.

    Raises HostError, InvalidError.
    """
    if len(bytes(socket)) > _SOCKET_PATH_BYTES:
        raise InvalidError(
            "--socket", f"{socket} has over {_SOCKET_PATH_BYTES} bytes", hint="give a shorter one"
        )
    make_folder(socket.parent, "--socket")
    if socket.exists() and not socket.is_socket():
        raise HostError(
            f"{socket} is there, and is no socket", hint="remove it, or give another --socket"
        )
    mode = stat.S_IMODE(socket.parent.stat().st_mode)
    if mode & 0o007:
        _log.warning("%s has mode %o: not only its group can reach the socket", socket.parent, mode)


class Locks:
    """Locks held until `release` or the end of the process, however that comes about."""

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
