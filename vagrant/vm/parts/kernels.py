"""Kernels out of Debian's packages: fetched, unpacked, and cut down to the modules in use.

Nothing is installed: apt works on a folder of its own, with one suite in it. The newest kernel of
a line is taken through the suite's meta package, never by an ABI name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.errors import InvalidError
from vagrant.vm.host.cache import cache, need_space
from vagrant.vm.host.folders import remove, temporary
from vagrant.vm.host.programs import run
from vagrant.vm.parts import modules
from vagrant.vm.parts.apt import Apt, SuiteError

_NEEDED_MB = 900  # packages, and all modules unpacked; 25 afterwards
_PACKAGE = re.compile(r"linux-(image|binary|modules)-\S*\d\S*-amd64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Kernels of one long-term line. `optional`: its suite may be out of reach, or gone.

    `old`: before 6.0.
    """

    name: str
    archive: str
    suite: str
    meta: str
    optional: bool = False
    old: bool = False


LINES = (
    Line(
        name="5.10",
        archive="debian-security",
        suite="bullseye-security",
        meta="linux-image-amd64",
        optional=True,
        old=True,
    ),
    Line(
        name="6.1",
        archive="debian-security",
        suite="bookworm-security",
        meta="linux-image-amd64",
    ),
    Line(
        name="6.12",
        archive="debian-security",
        suite="bookworm-security",
        meta="linux-image-6.12-amd64",
    ),
    Line(
        name="newest",
        archive="debian",
        suite="trixie-backports",
        meta="linux-image-amd64",
        optional=True,
    ),
)
DEFAULT = ("6.1", "6.12")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """A kernel that can be booted: `folder` holds vmlinuz, and lib/modules/RELEASE."""

    line: Line
    release: str
    folder: Path

    @property
    def vmlinuz(self) -> Path:
        return self.folder / "vmlinuz"


def choose(names: Sequence[str]) -> list[Line]:
    """Lines by name, each once; none: those of DEFAULT; "all": every one. Raises InvalidError."""
    known = {line.name: line for line in LINES}
    wanted = list(known) if "all" in names else list(names or DEFAULT)
    for name in wanted:
        if name not in known:
            raise InvalidError("kernels", f"{name!r} is none of {', '.join(known)}, all")
    return [known[name] for name in dict.fromkeys(wanted)]


def fetch(line: Line, *, refresh: bool = False) -> Kernel:
    """From the cache, or from the suite. Raises SuiteError and HostError."""
    kernel = None if refresh else kept(line)
    if kernel:
        return kernel
    folder = _folder(line)
    need_space(folder.parent, _NEEDED_MB)
    with temporary("new-", folder.parent) as work:
        made = _make(line, work)
        remove(folder)
        made.rename(folder)
    return _kernel(line)


def kept(line: Line) -> Kernel | None:
    """The one in the cache, if it has all modules that are wanted now."""
    names = _folder(line) / "kept-modules"
    if not names.exists() or names.read_text().split() != list(modules.WANTED):
        return None
    return _kernel(line)


def _kernel(line: Line) -> Kernel:
    folder = _folder(line)
    return Kernel(line=line, release=(folder / "release").read_text().strip(), folder=folder)


def _folder(line: Line) -> Path:
    return cache() / "kernels" / line.name


def _make(line: Line, work: Path) -> Path:
    apt = Apt(line.archive, line.suite, work / "apt")
    unpacked, kept = work / "unpacked", work / "kept"
    for package in apt.download(_PACKAGE, line.meta):
        run(["dpkg-deb", "-x", package, unpacked], what=f"unpacking {package.name}")
    trees = [*unpacked.glob("lib/modules/*"), *unpacked.glob("usr/lib/modules/*")]
    images = [*unpacked.glob("boot/vmlinuz-*"), *unpacked.glob("usr/lib/modules/*/vmlinuz")]
    if len(trees) != 1 or not images:
        raise SuiteError(f"{line.suite}'s {line.meta} holds no kernel as expected")
    release = trees[0].name
    kept.mkdir()
    modules.cut(unpacked, trees[0], kept / "lib/modules" / release)
    shutil.copyfile(images[0], kept / "vmlinuz")
    (kept / "release").write_text(f"{release}\n")
    (kept / "kept-modules").write_text("\n".join(modules.WANTED))
    return kept
