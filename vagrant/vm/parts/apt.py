"""apt on a folder of its own: nothing is installed, and the host's own lists are not touched."""

from __future__ import annotations

import os
import re
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.host.programs import run

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org")


class SuiteError(HostError):
    """A suite is out of reach, or has no kernel any more."""


class Apt:
    """apt with one suite, in `folder`. Everything raises SuiteError."""

    def __init__(self, archive: str, suite: str, folder: Path) -> None:
        self._suite = suite
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / part).mkdir(parents=True)
        source = f"deb [signed-by={_KEYRING}] {_MIRROR}/{archive} {suite} main\n"
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
            raise SuiteError(f"{self._suite} has no kernel behind {meta}")
        self._run("apt-get", "download", *names)
        return sorted((self._folder / "packages").glob("*.deb"))

    def _run(self, tool: str, *arguments: str) -> str:
        try:
            return run(
                [tool, *self._options, *arguments],
                what=f"{tool} {arguments[0]} of {self._suite}",
                cwd=self._folder / "packages",
            )
        except HostError as error:
            raise SuiteError(
                f"no kernel of {self._suite}: {error.message}",
                hint=f"look whether {_MIRROR} is in reach, or set DEBIAN_MIRROR to one that is",
            ) from None
