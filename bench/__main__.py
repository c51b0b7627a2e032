"""Measure the gateway: what each figure is, docs/performance.md says."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from bench import (
    affinity,
    daemon,
    flat,
    flood,
    guard,
    hint_rate,
    hint_samples,
    hints,
    packet,
    plot,
    prefixes,
    report,
    returning,
    rings,
    wire,
)

CASES: dict[str, Callable[[], Iterator[report.Result]]] = {
    "packet": packet.run,
    "flat": flat.run,
    "growth": packet.growth,
    "guard": guard.run,
    "prefixes": prefixes.run,
    "hints": hints.run,
    "hint_samples": hint_samples.run,
    "hint_rate": hint_rate.run,
    "flood": flood.run,
    "affinity": affinity.run,
    "tls": returning.run,
    "rings": rings.run,
    "wire": wire.run,
    "daemon": daemon.run,
}


def main() -> int:
    """1 if a bar is missed."""
    arguments = _parser().parse_args()
    if arguments.plot:
        plot.draw()
        return 0
    results = []
    for name in arguments.cases:
        start = time.monotonic()
        for one in CASES[name]():
            results.append(one)
            print(report.line(one), flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    report.write(results)
    if arguments.docs:
        report.write_docs()
        plot.draw()
    return 0 if all(r.holds is not False for r in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--cases", type=_cases, default=list(CASES), help=f"some of {','.join(CASES)} (all)"
    )
    parser.add_argument("--docs", action="store_true", help="then write the table and the picture")
    parser.add_argument("--plot", action="store_true", help="only draw the latest figures")
    return parser


def _cases(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [n for n in names if n not in CASES]:
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(CASES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
