"""Figures of the benchmarks: bars, the file that keeps them, the table of the docs, the curves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report import plot, results
from bench.report.results import Result, line, load, result, table, write, write_docs
from tests.support.tree import DOCS

COMMIT = results.commit.__wrapped__  # without its cache
PAGE = "# Speed\n<!-- written by python -m bench --docs -->\nold\n<!-- end -->\nThe machine.\n"


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(results, "OUT", tmp_path / "out")
    monkeypatch.setattr(results, "DOCS", tmp_path)
    monkeypatch.setattr(results, "commit", lambda: "0123abc")


def figure(name: str, value: float = 1.0, bar: str = "", commit: str = "0123abc") -> Result:
    return replace(result(name, value, "ns"), bar=bar, commit=commit)


# Bars


@pytest.mark.parametrize(
    ("value", "bars", "bar", "holds"),
    [
        (0.5, {"most": 0.6}, "<= 0.6", True),
        (0.6, {"most": 0.6}, "<= 0.6", True),
        (0.60001, {"most": 0.6}, "<= 0.6", False),
        (4.0, {"least": 4}, ">= 4", True),
        (3.99999, {"least": 4}, ">= 4", False),
        (300_000.0, {"least": 300_000}, ">= 300000", True),
        (7.0, {}, "", None),
    ],
)
def test_a_bar(value: float, bars: dict[str, float], bar: str, holds: bool | None) -> None:
    found = result("one", value, "ns", **bars)  # type: ignore[arg-type]
    assert (found.bar, found.holds) == (bar, holds)


def test_a_figure_is_rounded_after_it_is_held_against_its_bar() -> None:
    found = result("one", 0.60001, "", most=0.6)
    assert (found.value, found.holds) == (0.6, False)


def test_a_figure_names_the_commit_and_whether_what_was_measured_differs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*command: str) -> str:
        who = ("-c", "user.name=one", "-c", "user.email=one@example.com")
        return subprocess.check_output(["git", *who, *command], cwd=tmp_path, text=True).strip()

    for folder in ("bench", "bpf"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    monkeypatch.setattr(results, "_BENCH", tmp_path / "bench")
    head = git("rev-parse", "--short", "HEAD")
    (tmp_path / "bench" / "file").write_text("what measures")
    assert COMMIT() == head
    (tmp_path / "bpf" / "file").write_text("what is measured")
    assert COMMIT() == f"{head}+"


# The file


def test_later_figures_take_the_place_of_earlier_ones() -> None:
    assert load() == {}
    write([figure("a", 1.0), figure("b", 2.0)])
    write([figure("c", 3.0), figure("a", 4.0)])
    assert [(r.name, r.value) for r in load().values()] == [("a", 4.0), ("b", 2.0), ("c", 3.0)]


def test_what_is_written_is_read_again() -> None:
    written = [
        result("held", 1.5, "ms", most=2, rounds=11, note="5 of 7"),
        result("missed", 0.5, "times", least=4),
        result("free", 1e6, ""),
    ]
    write(written)
    assert list(load().values()) == written
    assert len(json.loads((results.OUT / "results.json").read_text())) == 3


# Lines and tables


def test_a_line_for_the_terminal() -> None:
    assert line(result("ring_100", 1.746, "ms", most=15, note="65537 slots")).split() == (
        ["ring_100", "1.75", "ms", "<=", "15", "holds", "65537", "slots"]
    )
    assert "MISSED" in line(result("ring_100", 15.1, "ms", most=15))
    assert line(result("ring_2", 1234.5, "ms")).split() == ["ring_2", "1,234.50", "ms"]


def test_a_table_of_markdown() -> None:
    rows = table(
        [
            result("held", 0.531, "of the yardstick", most=0.6, note="56.8 of 108.2 ns"),
            result("missed", 1.71, "s", most=1),
            result("free", 4321, ""),
        ]
    )
    assert rows == (
        "| figure | value | bar | holds | what |\n"
        "|---|---|---|---|---|\n"
        "| `held` | 0.53 of the yardstick | <= 0.6 | yes | 56.8 of 108.2 ns |\n"
        "| `missed` | 1.71 s | <= 1 | **no** |  |\n"
        "| `free` | 4,321.00 |  |  |  |\n"
    )


# The page


def test_the_page_gets_what_has_a_bar_and_what_is_always_shown() -> None:
    page = results.DOCS / "performance.md"
    page.write_text(PAGE)
    write(
        [
            figure("barred", bar="<= 2"),
            figure("flows_64"),
            figure("guard_stray", commit="fff0000+"),
        ]
    )
    write_docs()
    text = page.read_text()
    assert re.findall(r"^\| `(\w+)`", text, re.M) == ["barred", "guard_stray"]
    assert text.startswith("# Speed\n<!-- written by python -m bench --docs -->\n| figure ")
    assert text.endswith("\nMeasured at 0123abc, fff0000+.\n<!-- end -->\nThe machine.\n")
    write_docs()
    assert page.read_text() == text


def test_the_page_of_the_docs_has_a_place_for_the_table(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text((DOCS / "performance.md").read_text())
    write([figure("guard_stray")])
    write_docs()
    before, after = (p.read_text().splitlines() for p in (DOCS / "performance.md", page))
    assert after[:5] == before[:5]
    assert after[-5:] == before[-5:]


# The curves


def figures(*names: str) -> dict[str, Result]:
    return {name: figure(name, float(value)) for value, name in enumerate(names)}


def test_points_are_in_the_order_of_their_numbers() -> None:
    found = plot.points(figures("flows_8", "flows_64", "flows_512", "flows_1"), r"flows_(\d+)")
    assert found == [(1, 3.0), (8, 0.0), (64, 1.0), (512, 2.0)]


def curves() -> Iterator[tuple[str, str]]:
    for title, _, _, names in plot.PANELS:
        for label, pattern in names.items():
            yield f"{title}, {label}", pattern


def test_no_figure_is_in_two_curves() -> None:
    some = figures(
        *("flows_8", "yardstick_flows_8", "services_10_flows_64", "services_10_flows_65536"),
        *("backends_2_flows_64", "backends_2_flows_65536", "ring_100", "ring_100_weighted"),
        *("apply_10_services", "services_flat_flows_64", "wire_gateway"),
    )
    found = [len(plot.points(some, pattern)) for _, pattern in curves()]
    assert found == [1] * len(found)


def test_a_picture_asks_for_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as exited:
        plot.draw()
    assert exited.value.code == "matplotlib is missing: pip install 'accel-gateway[bench]'"
