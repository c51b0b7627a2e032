"""The checkout as a disk, with what machines need not compile and the tests that they run."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

from vagrant.vm.host.programs import ROOT, run

_BUILT = ("accel/**/*.so",)  # what is not in the repository, and needed as built here


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
