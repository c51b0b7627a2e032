"""What `python -m vagrant.vm` is told."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from vagrant.vm.parts.kernels import LINES, Line, choose
from vagrant.vm.results import suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`limit`: seconds for each machine. `whole`: all tests on all kernels."""

    lines: list[Line]
    tests: tuple[str, ...]
    if_possible: bool
    refresh: bool
    limit: float

    @property
    def whole(self) -> bool:
        return set(self.lines) == set(LINES) and self.tests == suite.TESTS


def read(description: str | None) -> Options:
    """From the command line. Raises InvalidError if a kernel is none."""
    names = ", ".join(line.name for line in LINES)
    parser = argparse.ArgumentParser(prog="python -m vagrant.vm", description=description)
    parser.add_argument(
        "kernels", nargs="*", metavar="KERNEL", help=f"of {names}; all (default: 6.1 6.12)"
    )
    parser.add_argument("--tests", nargs="+", default=suite.TESTS, help="instead of the usual ones")
    parser.add_argument(
        "--quick",
        action="store_const",
        dest="tests",
        const=suite.QUICK,
        help="what depends most on the kernel: what CI runs",
    )
    parser.add_argument(
        "--if-possible",
        action="store_true",
        help="what is not to be had here (QEMU, disk, a suite) is said, and no failure",
    )
    parser.add_argument(
        "--refresh", action="store_true", help="look for newer kernels, and try KVM again"
    )
    parser.add_argument("--limit", type=float, default=suite.ALL_SECONDS, help="s, each machine")
    given = parser.parse_args()
    return Options(
        lines=choose(given.kernels),
        tests=tuple(given.tests),
        if_possible=given.if_possible,
        refresh=given.refresh,
        limit=given.limit,
    )
