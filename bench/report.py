"""Figures against their bars: a table on the terminal, bench/out/results.json, a table in docs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from bench.harness import HERE

OUT = HERE / "out"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure. `holds` is None where no bar is set."""

    name: str
    value: float
    unit: str
    bar: str
    holds: bool | None
    rounds: int
    commit: str
    note: str = ""


def result(
    name: str,
    value: float,
    unit: str,
    *,
    most: float | None = None,
    least: float | None = None,
    rounds: int = 1,
    note: str = "",
) -> Result:
    """A figure with its bar: `most` or `least` of it."""
    bars = [f"<= {most:g}"] if most is not None else [f">= {least:g}"] if least is not None else []
    holds = None
    if bars:
        holds = value <= most if most is not None else value >= (least or 0)
    return Result(
        name=name,
        value=round(value, 4),
        unit=unit,
        bar="".join(bars),
        holds=holds,
        rounds=rounds,
        commit=commit(),
        note=note,
    )


@lru_cache
def commit() -> str:
    """The checkout's commit, with a + where bpf/ or accel/ differ from it."""

    def git(*args: str) -> str:
        done = subprocess.run(["git", *args], cwd=HERE, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "../bpf", "../accel", "../control")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def table(results: Sequence[Result]) -> str:
    """Markdown, aligned so that it is also one on a terminal."""
    rows = [("figure", "value", "bar", "holds", "how")]
    for r in results:
        value = f"{r.value:,.2f}" if abs(r.value) < 100 else f"{r.value:,.0f}"
        verdict = {True: "yes", False: "**no**", None: ""}[r.holds]
        rows.append((r.name, f"{value} {r.unit}".strip(), r.bar, verdict, r.note))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write(results: Sequence[Result]) -> None:
    """Put `results` in bench/out/results.json in the place of earlier ones of the same names."""
    OUT.mkdir(exist_ok=True)
    path = OUT / "results.json"
    kept = {r["name"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    kept |= {r.name: asdict(r) for r in results}
    path.write_text(json.dumps(list(kept.values()), indent=1) + "\n")
