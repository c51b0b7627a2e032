"""Skips that are known, by where the tests run: tests/known_skips.txt, for CI and each kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vagrant.vm.host.programs import ROOT

FILE = ROOT / "tests" / "known_skips.txt"
HOST = "host"  # the section of what runs in no machine


@dataclass(frozen=True, slots=True)
class Skip:
    """A test that was skipped; or a line of the list: how its id begins, and a part of why."""

    test: str
    reason: str

    def covers(self, skip: Skip) -> bool:
        return skip.test.startswith(self.test) and self.reason in skip.reason

    def __str__(self) -> str:
        return f"{self.test}: {self.reason}"


def known(section: str, file: Path = FILE) -> list[Skip]:
    """What a section of the file lists. Raises ValueError if there is none, or a line is none."""
    found: dict[str, list[Skip]] = {}
    name = ""
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        line = line.strip()
        if line.startswith("["):
            name = line.strip("[]")
            found[name] = []
        elif line and not line.startswith("#"):
            test, _, reason = line.partition(": ")
            if name not in found or not reason:
                raise ValueError(f"{file.name}, line {number}: not `test: reason` in a [section]")
            found[name].append(Skip(test, reason))
    if section not in found:
        raise ValueError(f"{file.name} has no section [{section}]")
    return found[section]


def unknown(skips: Iterable[Skip], listed: Iterable[Skip]) -> list[Skip]:
    """Skips that no line covers."""
    lines = list(listed)
    return [skip for skip in skips if not any(line.covers(skip) for line in lines)]


def unused(listed: Iterable[Skip], skips: Iterable[Skip], tests: Iterable[str]) -> list[Skip]:
    """Lines that cover no skip, although tests ran that they are about."""
    happened, ran = list(skips), list(tests)
    return [
        line
        for line in listed
        if any(test.startswith(line.test) for test in ran)
        and not any(line.covers(skip) for skip in happened)
    ]
