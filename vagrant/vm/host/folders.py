"""Temporary folders, and how they are removed: only what we made, whatever else appears in them.

Nothing behind a mount or a link is touched. No finalizer of the interpreter's removes a folder
later: what could not be removed stays, and is named.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accel.errors import HostError

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HINT = "unmount what is mounted there, and remove the folder"


@contextmanager
def temporary(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder, in `parent` or among the system's temporary files. It is removed at the end.

    Raises HostError if it cannot be; an exception that is under way goes on, and this is printed.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    except BaseException:
        try:
            remove(folder)
        except HostError as error:
            print(error, file=sys.stderr)
        raise
    remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder of ours with all that is in it, if it exists.

    Raises HostError, and removes nothing, if something is mounted there.
    """
    if not os.path.lexists(folder):
        return
    if found := mounts(folder):
        names = ", ".join(map(str, found))
        raise HostError(f"{folder} is not removed: something is mounted on {names}", hint=_HINT)
    try:
        descriptor = os.open(folder, _OPEN)
        try:
            _empty(descriptor, _mount(descriptor))
        finally:
            os.close(descriptor)
        os.rmdir(folder)
    except OSError as error:
        raise HostError(f"{folder} is not removed: {error}", hint=_HINT) from None


def mounts(folder: Path) -> list[Path]:
    """What is mounted on the folder or below it, as this process sees it."""
    top = folder.parent.resolve() / folder.name
    points = [Path(point) for point in _mount_points(Path("/proc/self/mountinfo").read_bytes())]
    return [point for point in points if point.is_relative_to(top)]


def _mount_points(mountinfo: bytes) -> list[str]:
    """The fifth column (proc(5)), in which spaces and backslashes are written as octal numbers."""
    columns = [line.split(b" ")[4] for line in mountinfo.splitlines()]
    return [
        os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda digits: bytes([int(digits[1], 8)]), column))
        for column in columns
    ]


def _empty(descriptor: int, mount: str) -> None:
    """Remove what an open folder holds. Raises OSError at the first folder of another mount."""
    with os.scandir(descriptor) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=descriptor)
            continue
        below = os.open(name, _OPEN, dir_fd=descriptor)
        try:
            if _mount(below) != mount:
                raise OSError(f"something is mounted on {name}")
            _empty(below, mount)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=descriptor)


def _mount(descriptor: int) -> str:
    """The number of the mount that an open file is on: bind mounts of one disk differ in it."""
    text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    return next(line for line in text.splitlines() if line.startswith("mnt_id:"))
