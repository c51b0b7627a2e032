"""The lab's folder for files, and the BPF file system in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from accel.errors import HostError

_NAME = "bpf"


def mount_bpffs(folder: Path) -> Path:
    """A BPF file system in `folder`, mounted once: what is pinned there is nobody else's.

    Raises HostError if it cannot be mounted.
    """
    path = folder / _NAME
    path.mkdir(exist_ok=True)
    if not os.path.ismount(path):
        try:
            subprocess.run(
                ["mount", "-t", "bpf", "bpf", path], check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            raise HostError(
                f"cannot mount a BPF file system: {error.stderr.strip()}",
                hint="the lab needs root and a kernel with CONFIG_BPF_SYSCALL",
            ) from error
    return path


def remove_folder(folder: Path) -> None:
    """Remove `folder`, and what is pinned below it. It stays if the mount in it does."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.ismount(folder / _NAME):
            subprocess.run(["umount", "--lazy", folder / _NAME], check=True)
        shutil.rmtree(folder)
