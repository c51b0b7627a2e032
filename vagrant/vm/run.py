"""Programs of the host, and where what they make is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType

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
_VAGRANT_PACKAGES = {
    "vagrant": "vagrant vagrant-libvirt",
    "qemu-img": "qemu-utils",
    "libvirtd": "libvirt-daemon-system",
    "virsh": "libvirt-clients",
    "dnsmasq": "dnsmasq-base",
    "rsync": "rsync",
    "ssh": "openssh-client",
}


def cache() -> Path:
    """What is kept between runs: kernels and the image."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "accel-vm"


def need_tools(*, vagrant: bool = False) -> None:
    """Raises HostError that names all packages that are missing."""
    wanted = _PACKAGES | (_VAGRANT_PACKAGES if vagrant else {})
    missing = [package for tool, package in wanted.items() if not which(tool)]
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
    tool = which(str(command[0])) or str(command[0])
    done = subprocess.run(
        ["nice", "-n", "5", tool, *map(str, command[1:])],
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


def leave(number: int, frame: FrameType | None) -> None:
    """For signals: end in good order, so that what was started is ended too."""
    raise SystemExit(128 + number)


def which(tool: str) -> str | None:
    """Where a program is, if it is anywhere that root looks."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
