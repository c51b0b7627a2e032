"""`python -m bench`: see --help."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from bench import daemon, flat, packet, report, rings

CASES: dict[str, Callable[[], Iterator[report.Result]]] = {
    "packet": packet.run,
    "flat": flat.run,
    "growth": packet.growth,
    "rings": rings.run,
    "daemon": daemon.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--cases", default=",".join(CASES), help=f"comma-separated, of {', '.join(CASES)}"
    )
    chosen = parser.parse_args().cases.split(",")
    results = []
    for name in chosen:
        start = time.monotonic()
        for one in CASES[name]():
            results.append(one)
            print(
                f"{one.name:24} {one.value:10.2f} {one.unit:18} {one.bar:8} {one.note}", flush=True
            )
        print(f"({name}: {time.monotonic() - start:.1f} s)", file=sys.stderr)
    report.write(results)
    return 0 if all(r.holds is not False for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
