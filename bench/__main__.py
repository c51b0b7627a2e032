"""Measure the gateway: what each figure is, docs/performance.md says."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from accel.lab.network import Lab
from bench import registry
from bench.report import plot, results


def main() -> int:
    """1 if a bar is missed."""
    arguments = _parser().parse_args()
    if arguments.plot:
        plot.draw()
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):  # what cases made is removed, as by Ctrl-C
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    Lab.sweep()
    measured = []
    for name in arguments.cases:
        start = time.monotonic()
        for one in registry.function(name)():
            measured.append(one)
            print(results.line(one), flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    results.write(measured)
    if arguments.docs:
        results.write_docs()
        plot.draw()
    return 0 if all(r.holds is not False for r in measured) else 1


def _parser() -> argparse.ArgumentParser:
    every = list(registry.CASES)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--cases", type=registry.names, default=every, help=f"some of {','.join(every)} (all)"
    )
    parser.add_argument("--docs", action="store_true", help="then write the table and the picture")
    parser.add_argument("--plot", action="store_true", help="only draw the latest figures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
