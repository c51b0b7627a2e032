"""Kernels out of Debian's packages: fetched, unpacked, and cut down to the modules in use.

Nothing is installed: apt works on a folder of its own, with one suite in it. The newest kernel of
a line is taken through the suite's meta package, never by an ABI name.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.errors import HostError, InvalidError
from vagrant.vm import modules
from vagrant.vm.run import cache, need_space, run

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_NEEDED_MB = 900  # packages, and all modules unpacked; 25 afterwards
_MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org")


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


class SuiteError(HostError):
    """A suite is out of reach, or has no kernel any more."""


def choose(names: Sequence[str]) -> list[Line]:
    """Lines by name; none: those of DEFAULT; "all": every one. Raises InvalidError."""
    known = {line.name: line for line in LINES}
    wanted = list(known) if "all" in names else list(names or DEFAULT)
    for name in wanted:
        if name not in known:
            raise InvalidError("kernels", f"{name!r} is none of {', '.join(known)}, all")
    return [known[name] for name in wanted]


def fetch(line: Line, *, refresh: bool = False) -> Kernel:
    """From the cache, or from the suite. Raises SuiteError and HostError."""
    folder = cache() / "kernels" / line.name
    kept = folder / "kept-modules"
    if refresh or not kept.exists() or kept.read_text().split() != list(modules.WANTED):
        need_space(folder.parent, _NEEDED_MB)
        with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as name:
            made = _make(line, Path(name))
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    release = (folder / "release").read_text().strip()
    return Kernel(line=line, release=release, folder=folder)


def _make(line: Line, work: Path) -> Path:
    apt = _Apt(line, work / "apt")
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


_PACKAGE = re.compile(r"linux-(image|binary|modules)-\S*\d\S*-amd64")


class _Apt:
    """apt with one suite, on a folder of its own."""

    def __init__(self, line: Line, folder: Path) -> None:
        self._line = line
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / part).mkdir(parents=True)
        source = f"deb [signed-by={_KEYRING}] {_MIRROR}/{line.archive} {line.suite} main\n"
        (folder / "sources.list").write_text(source)
        settings = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
        }
        self._options = [
            part for key, value in settings.items() for part in ("-o", f"{key}={value}")
        ]
        self._run("apt-get", "update")

    def download(self, wanted: re.Pattern[str], meta: str) -> list[Path]:
        """The packages that `meta` depends on, directly or not, whose names are `wanted`."""
        names: list[str] = []
        ahead = [meta]
        while ahead:
            depends = self._run("apt-cache", "depends", "--important", ahead.pop())
            found = re.findall(r"^ *Depends: (\S+)$", depends, re.MULTILINE)
            new = [n for n in found if wanted.fullmatch(n) and n not in names]
            names += new
            ahead += new
        if not names:
            raise SuiteError(f"{self._line.suite} has no kernel behind {meta}")
        self._run("apt-get", "download", *names)
        return sorted((self._folder / "packages").glob("*.deb"))

    def _run(self, tool: str, *arguments: str) -> str:
        try:
            return run(
                [tool, *self._options, *arguments],
                what=f"{tool} {arguments[0]} of {self._line.suite}",
                cwd=self._folder / "packages",
            )
        except HostError as error:
            raise SuiteError(
                f"no kernel {self._line.name}: {error.message}",
                hint=f"look whether {_MIRROR} is in reach, or set DEBIAN_MIRROR to one that is",
            ) from None
