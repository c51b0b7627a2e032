"""The file system that pins live in: there, or mounted where it belongs."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from accel.errors import HostError

USUAL = Path("/sys/fs/bpf")


def ensure(pin_root: Path, *, mounts: Path = Path("/proc/self/mounts")) -> None:
    """See that `pin_root` is on a bpffs; mount one at its usual place if that is all that lacks.

    Raises HostError.
    """
    if _type_of(pin_root.absolute(), mounts.read_text()) == "bpf":
        return
    hint = f"mount -t bpf bpf {USUAL}, or give a --pin-root that is on a bpffs"
    if not pin_root.absolute().is_relative_to(USUAL):
        raise HostError(f"{pin_root} is not on a bpffs", hint=hint)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"bpf", bytes(USUAL), b"bpf", 0, b"mode=0700") != 0:
        problem = os.strerror(ctypes.get_errno())
        raise HostError(f"no bpffs at {USUAL}, and mounting it failed: {problem}", hint=hint)


def _type_of(path: Path, mounts: str) -> str:
    """The type of the file system that `path` is on, or would be; of mounts(5), the last counts."""
    best = (-1, "")
    for line in mounts.splitlines():
        _, at, kind = line.split()[:3]
        folder = Path(at.replace("\\040", " "))
        if path.is_relative_to(folder) and len(folder.parts) >= best[0]:
            best = (len(folder.parts), kind)
    return best[1]
