"""What a machine starts from beside the image: its initramfs, and the checkout."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vagrant.vm.kernels import Kernel
from vagrant.vm.run import ROOT, run

_BUILT = ("accel/*.so",)  # what is not in the repository, and needed as built here


def initramfs(kernel: Kernel, path: Path) -> None:
    """busybox, init.sh and the kernel's modules, as a compressed archive."""
    with tempfile.TemporaryDirectory(prefix="initramfs-", dir=path.parent) as name:
        root = Path(name)
        (root / "bin").mkdir()
        shutil.copy(shutil.which("busybox") or "/bin/busybox", root / "bin/busybox")
        shutil.copytree(kernel.folder / "lib", root / "lib")
        shutil.copy(Path(__file__).with_name("init.sh"), root / "init")
        (root / "init").chmod(0o755)
        names = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
        archive = subprocess.run(
            ["busybox", "cpio", "-o", "-H", "newc"],
            cwd=root,
            input="\n".join(names).encode(),
            capture_output=True,
            check=True,
        ).stdout
    path.write_bytes(gzip.compress(archive, compresslevel=1))


def checkout(path: Path, *, tests: Sequence[str], timeout: int, compiled: Path) -> None:
    """The checkout as it is, committed or not, as a tar file. It also says which tests to run.

    `timeout` is each test's, in seconds; `compiled` a folder with what need not be compiled there.
    """
    listed = run(["git", "ls-files", "-z", "-co", "--exclude-standard"], what="git", cwd=ROOT)
    names = {n for n in listed.split("\0") if n and os.path.lexists(ROOT / n)}
    names |= {str(p.relative_to(ROOT)) for pattern in _BUILT for p in ROOT.glob(pattern)}
    with tarfile.open(path, "w") as archive:
        for name in sorted(names):
            archive.add(ROOT / name, name, recursive=False)
        archive.add(compiled, ".vm/compiled")
        for name, text in ((".vm/tests", "\n".join(tests)), (".vm/timeout", str(timeout))):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
