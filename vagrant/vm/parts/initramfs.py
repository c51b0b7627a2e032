"""The initramfs of a kernel: busybox, init.sh and the kernel's modules, kept beside the kernel."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

from vagrant.vm.host.folders import temporary
from vagrant.vm.parts.kernels import Kernel

_INIT = Path(__file__).with_name("init.sh")


def initramfs(kernel: Kernel) -> Path:
    """Its path, a compressed archive; it is made if what is there has another recipe."""
    path = kernel.folder / "initramfs"
    if not is_current(kernel):
        with temporary("initramfs-", kernel.folder) as work:
            made = work / "made"
            made.write_bytes(gzip.compress(_archive(kernel, work / "root"), compresslevel=1))
            made.rename(path)
        _recipe_file(kernel).write_text(_recipe())
    return path


def is_current(kernel: Kernel) -> bool:
    """Whether there is one, made from what it would be made from now."""
    kept = _recipe_file(kernel)
    made = kept.exists() and (kernel.folder / "initramfs").exists()
    return made and kept.read_text() == _recipe()


def _archive(kernel: Kernel, root: Path) -> bytes:
    (root / "bin").mkdir(parents=True)
    shutil.copy(_busybox(), root / "bin/busybox")
    shutil.copytree(kernel.folder / "lib", root / "lib")
    shutil.copy(_INIT, root / "init")
    (root / "init").chmod(0o755)
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
    return subprocess.run(
        ["busybox", "cpio", "-o", "-H", "newc"],
        cwd=root,
        input="\n".join(names).encode(),
        capture_output=True,
        check=True,
    ).stdout


def _recipe_file(kernel: Kernel) -> Path:
    return kernel.folder / "initramfs-recipe"


def _recipe() -> str:
    """A kernel that is fetched anew comes in a new folder, without an initramfs."""
    parts = (Path(__file__), _INIT, _busybox())
    return hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()


def _busybox() -> Path:
    return Path(shutil.which("busybox") or "/bin/busybox")
