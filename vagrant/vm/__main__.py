"""make vm-test: the tests of the kernel's part, in a machine for each kernel, side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm import options
from vagrant.vm.host.cache import cache, need_space
from vagrant.vm.host.folders import temporary
from vagrant.vm.host.programs import need_tools
from vagrant.vm.host.signals import end_in_order
from vagrant.vm.options import Options
from vagrant.vm.parts.image import image
from vagrant.vm.parts.kernels import LINES
from vagrant.vm.results.page import PAGE, page
from vagrant.vm.results.report import Report
from vagrant.vm.results.text import say, text
from vagrant.vm.runs import reports

_RUN_MB = 300  # checkouts and logs


def main() -> int:
    """0 if all kernels that could be had passed; 1 if one failed; else the error's exit code."""
    end_in_order()
    try:
        asked = options.read(__doc__)
        root = _root(asked)
        if not root:
            return 0
        found = []
        with temporary("run-", cache()) as folder, closing(reports(asked, root, folder)) as coming:
            for report in coming:
                found.append(report)
                say(text(report))
    except AccelError as error:
        print(f"vm-test: {error}", file=sys.stderr)
        return error.exit_code
    _write_page(asked, found)
    return 0 if all(report.good for report in found) else 1


def _root(asked: Options) -> Path | None:
    """The image; None if it is not to be had here, and need not be."""
    try:
        need_tools()
        need_space(cache(), _RUN_MB)
        return image()
    except AccelError as error:
        if not asked.if_possible:
            raise
        say(f"vm-test: SKIPPED, no kernel is tried: {error.message}")
        return None


def _write_page(asked: Options, found: Sequence[Report]) -> None:
    """Only of all tests on all kernels, none of which failed or was not to be had."""
    if not asked.whole:
        return
    if not all(report.good and not report.skipped for report in found):
        say(f"{PAGE.name} stays as it is: not all kernels ran without a failure")
        return
    order = [line.name for line in LINES]
    in_order = sorted(found, key=lambda report: order.index(report.line))
    PAGE.write_text(page(PAGE.read_text(), in_order))


if __name__ == "__main__":
    sys.exit(main())
