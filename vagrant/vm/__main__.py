"""make vm-test: the tests of the kernel's part, in a machine for each kernel."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm import page, report, suite
from vagrant.vm.boot import boot, kvm_works
from vagrant.vm.compiled import prepare
from vagrant.vm.disks import checkout
from vagrant.vm.image import image
from vagrant.vm.kernels import LINES, Line, SuiteError, choose, fetch
from vagrant.vm.report import Report
from vagrant.vm.run import cache, leave, need_space, need_tools

_RUN_MB = 300  # a checkout, an initramfs and logs


def main() -> int:
    """0 if all kernels that could be had passed; 1 if one failed; else the error's exit code."""
    names = ", ".join(line.name for line in LINES)
    parser = argparse.ArgumentParser(prog="python -m vagrant.vm", description=__doc__)
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
    parser.add_argument("--refresh", action="store_true", help="look for newer kernels")
    parser.add_argument("--limit", type=float, default=suite.ALL_SECONDS, help="s, each machine")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, leave)
    try:
        lines = choose(options.kernels)
    except AccelError as error:
        return _refused(error)
    try:
        need_tools()
        need_space(cache(), _RUN_MB)
        root = image()
    except AccelError as error:
        if options.if_possible:
            print(f"vm-test: SKIPPED, no kernel is tried: {error.message}")
            return 0
        return _refused(error)
    reports = []
    try:
        with tempfile.TemporaryDirectory(prefix="run-", dir=cache()) as name:
            disks = {old: _checkout(Path(name), options, old) for old in {x.old for x in lines}}
            for line in lines:
                reports.append(_one(line, [root, disks[line.old]], Path(name), options))
                print(report.text(reports[-1]), flush=True)
    except AccelError as error:
        return _refused(error)
    if lines == list(LINES):
        page.PAGE.write_text(page.page(reports, which=_which(options.tests)))
    return 0 if all(r.good for r in reports) else 1


def _refused(error: AccelError) -> int:
    print(f"vm-test: {error}", file=sys.stderr)
    return error.exit_code


def _which(tests: Sequence[str]) -> str:
    """How these tests are chosen: "all", or by which option."""
    if tests == suite.TESTS:
        return "all"
    return "--quick" if tests == suite.QUICK else f"--tests {' '.join(tests)}"


def _checkout(folder: Path, options: argparse.Namespace, old: bool) -> Path:
    disk, compiled = folder / f"checkout-{old}.tar", folder / f"compiled-{old}"
    if problem := prepare(compiled, old=old):
        print(f"nothing is compiled here, machines will take longer: {problem}", flush=True)
    checkout(disk, tests=options.tests, timeout=suite.EACH_SECONDS, compiled=compiled)
    return disk


def _one(line: Line, disks: list[Path], folder: Path, options: argparse.Namespace) -> Report:
    """A machine that does not come up is started once more: a host may be that busy."""
    try:
        kernel = fetch(line, refresh=options.refresh)
    except SuiteError as error:
        skipped = line.optional or options.if_possible
        return Report(line=line.name, problem=str(error), skipped=skipped)
    kvm = kvm_works(kernel, folder)
    print(f"kernel {line.name} ({kernel.release}), {'KVM' if kvm else 'emulated'}", flush=True)
    for again in (False, True):
        ran = boot(kernel, folder, disks=disks, kvm=kvm, seconds=options.limit)
        kept = cache() / f"last-{line.name}{'-again' * again}.txt"
        kept.write_text(f"{ran.console}\n{ran.output}")
        if ran.up_after is not None:
            break
        print(f"kernel {line.name}: not up after {ran.seconds:.0f} s: {kept}", flush=True)
    return report.read(line.name, kernel.release, ran)


if __name__ == "__main__":
    sys.exit(main())
