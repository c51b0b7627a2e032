"""How long a ring takes to build."""

from __future__ import annotations

import time
from collections.abc import Iterator

from accel.datapath.steering import maglev
from bench.harness.runner import ROUNDS
from bench.report.results import Result, result

_SIZE = 65537
_BARS = {2: None, 10: None, 100: 15.0, 300: None, 1000: 60.0}


def run() -> Iterator[Result]:
    """Equal weights, and weights from 1 to 10 in a curve of their own."""
    for weighted in (False, True):
        for count, most in _BARS.items():
            names = [f"b{i}" for i in range(count)]
            weights = [1 + i % 10 if weighted else 1 for i in range(count)]
            took = []
            for _ in range(ROUNDS):
                start = time.thread_time_ns()
                maglev.build(names, weights, _SIZE)
                took.append((time.thread_time_ns() - start) / 1e6)
            yield result(
                f"ring_{count}{'_weighted' if weighted else ''}",
                min(took),
                "ms",
                most=most,
                rounds=ROUNDS,
                note=f"{_SIZE} slots",
            )
