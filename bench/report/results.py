"""Figures against their bars: bench/out/results.json, and the table in docs/performance.md."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

_BENCH = Path(__file__).resolve().parents[1]
OUT = _BENCH / "out"
DOCS = _BENCH.parent / "docs"
_SHOWN = (
    "wire_",
    "parse_drop",
    "guard_",
    "denied_",
    "flood_",
    "tls_",
    "affinity_",
    "hints_",
)  # beside all that have a bar
_BEGIN, _END = "<!-- written by python -m bench --docs -->\n", "<!-- end -->\n"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure. `bar` is empty and `holds` None where none is set."""

    name: str
    value: float
    unit: str
    bar: str
    holds: bool | None
    rounds: int
    commit: str
    note: str


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
    """A figure, and the bar that it is to stay at or below, or at or above."""
    bar, holds = "", None
    if most is not None:
        bar, holds = f"<= {most:g}", bool(value <= most)
    if least is not None:
        bar, holds = f">= {least:g}", bool(value >= least)
    return Result(
        name=name,
        value=round(value, 4),
        unit=unit,
        bar=bar,
        holds=holds,
        rounds=rounds,
        commit=commit(),
        note=note,
    )


@lru_cache
def commit() -> str:
    """The checkout's commit, with a + where what is measured differs from it."""

    def git(*args: str) -> str:
        command = ["git", *args]
        done = subprocess.run(command, cwd=_BENCH, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "../bpf", "../accel", "../control")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def load() -> dict[str, Result]:
    """The latest figure of each name."""
    path = OUT / "results.json"
    if not path.exists():
        return {}
    return {entry["name"]: Result(**entry) for entry in json.loads(path.read_text())}


def write(results: Sequence[Result]) -> None:
    """Put `results` in bench/out/results.json in the place of earlier ones of the same names."""
    OUT.mkdir(exist_ok=True)
    kept = load() | {r.name: r for r in results}
    text = json.dumps([asdict(r) for r in kept.values()], indent=1)
    (OUT / "results.json").write_text(text + "\n")


def line(r: Result) -> str:
    """For the terminal, as it is measured."""
    holds = {True: "holds", False: "MISSED", None: ""}[r.holds]
    return f"{r.name:28} {r.value:10,.2f} {r.unit:18} {r.bar:8} {holds:7} {r.note}"


def table(results: Sequence[Result]) -> str:
    """Markdown."""
    rows = [("figure", "value", "bar", "holds", "what")]
    for r in results:
        holds = {True: "yes", False: "**no**", None: ""}[r.holds]
        rows.append((f"`{r.name}`", f"{r.value:,.2f} {r.unit}".strip(), r.bar, holds, r.note))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * 5 + "|", *lines[1:]]) + "\n"


def write_docs() -> None:
    """The table of docs/performance.md from the latest figures, growth left to the picture."""
    path = DOCS / "performance.md"
    before, rest = path.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    shown = [r for r in load().values() if r.bar or r.name.startswith(_SHOWN)]
    commits = ", ".join(sorted({r.commit for r in shown}))
    text = f"{table(shown)}\nMeasured at {commits}.\n"
    path.write_text(f"{before}{_BEGIN}{text}{_END}{after}")
