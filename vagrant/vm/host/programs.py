"""Programs of the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.host.namespaces import APART, end

ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "mke2fs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "unshare": "util-linux",
    "setpriv": "util-linux",
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


def need_tools(*, vagrant: bool = False) -> None:
    """Raises HostError that names all packages that are missing."""
    wanted = _PACKAGES | (_VAGRANT_PACKAGES if vagrant else {})
    missing = [package for tool, package in wanted.items() if not which(tool)]
    if missing:
        raise HostError(
            f"virtual machines need {', '.join(missing)}",
            hint=f"apt install --no-install-recommends {' '.join(missing)}",
        )


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    hint: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    apart: bool = False,
) -> str:
    """Standard output of a program that does not ask. Raises HostError with its last words.

    `apart`: in namespaces of its own, because it mounts, or starts what does.
    """
    tool = which(str(command[0])) or str(command[0])
    process = subprocess.Popen(
        [*(APART if apart else ()), "nice", "-n", "5", tool, *map(str, command[1:])],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    with process:
        try:
            output, errors = process.communicate()
        finally:
            end(process)
    if process.returncode:
        words = errors.decode(errors="replace").strip().splitlines() or ["no word why"]
        raise HostError(f"{what} failed: {last_error(words)}", hint=hint)
    return output.decode()


def last_error(lines: Iterable[str]) -> str:
    """The last line that says error, or just the last one."""
    text = list(lines)
    return next((t for t in reversed(text) if t[:2] == "E:" or "rror" in t), text[-1]).strip()


def which(tool: str) -> str | None:
    """Where a program is, if it is anywhere that root looks."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
