"""Programs of the host, and where what they make is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from accel.errors import HostError

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "mke2fs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
}


def cache() -> Path:
    """What is kept between runs: kernels and the image."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "accel-vm"


def need_tools() -> None:
    """Raises HostError that names all packages that are missing."""
    missing = [package for tool, package in _PACKAGES.items() if not _which(tool)]
    if missing:
        raise HostError(
            f"virtual machines need {', '.join(missing)}",
            hint=f"apt install --no-install-recommends {' '.join(missing)}",
        )


def need_space(folder: Path, megabytes: int) -> None:
    """Raises HostError if the disk of `folder` has less than that."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free >> 20
    if free < megabytes:
        raise HostError(
            f"{folder} has {free} MB free, and {megabytes} MB are needed",
            hint="free some, or set XDG_CACHE_HOME to a larger disk",
        )


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    hint: str = "",
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Standard output of a program that does not ask. Raises HostError with its last words."""
    tool = _which(str(command[0])) or str(command[0])
    done = subprocess.run(
        ["nice", "-n", "10", tool, *map(str, command[1:])],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no word why"]
        raise HostError(f"{what} failed: {last_error(words)}", hint=hint)
    return done.stdout.decode()


def last_error(lines: Iterable[str]) -> str:
    """The last line that says error, or just the last one."""
    text = list(lines)
    return next((t for t in reversed(text) if t[:2] == "E:" or "rror" in t), text[-1]).strip()


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
