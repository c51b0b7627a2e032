"""The table of cases: one line for each, in the order in which all of them run."""

from __future__ import annotations

import argparse
import difflib
import pkgutil
from collections.abc import Callable, Iterator

from bench.report.results import Result

# The name that `--cases` takes, and the function below bench.cases that yields its figures.
CASES = {
    "packet": "steering.packet:run",
    "flat": "steering.flat:run",
    "growth": "steering.packet:growth",
    "guard": "guard.answers:run",
    "prefixes": "prefixes:run",
    "hints": "hints.costs:run",
    "hint_samples": "hints.sampling:run",
    "hint_rate": "hints.push_rate:run",
    "flood": "flood.comparison:run",
    "affinity": "hints.affinity:run",
    "tls": "hints.tls_resumption:run",
    "rings": "steering.rings:run",
    "wire": "steering.wire:run",
    "daemon": "daemon:run",
}


def function(name: str) -> Callable[[], Iterator[Result]]:
    """The function of a case. Its module is imported only now: some compile programs for it."""
    found: Callable[[], Iterator[Result]] = pkgutil.resolve_name(f"bench.cases.{CASES[name]}")
    return found


def names(text: str) -> list[str]:
    """Those in a list with commas between them.

    ArgumentTypeError: one of them is no case.
    """
    asked = text.split(",")
    for name in asked:
        if name not in CASES:
            near = difflib.get_close_matches(name, CASES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentTypeError(
                f"unknown case '{name}'{meant} (there are {', '.join(CASES)})"
            )
    return asked
