"""docs/kernels.md: what it says, and that only a whole run without a failure writes it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accel.ebpf.features import FEATURES
from tests.tools.vm.left import ran, whole
from vagrant.vm import __main__ as main
from vagrant.vm.options import Options
from vagrant.vm.parts.kernels import LINES
from vagrant.vm.results import page, report
from vagrant.vm.results.report import Report

NAMES = [line.name for line in LINES]


def good(name: str) -> Report:
    return Report(
        line=name, release=f"{name}.0-1", up_after=9, tests={"tests/a.py": Counter(passed=1)}
    )


def test_what_it_says() -> None:
    reports = [report.read("6.1", "6.1.0-1", ran(whole())), good("newest")]
    text = page.page("by hand\n\n## Features\nold", reports)
    assert text.startswith("by hand\n\n## Features\nA row")
    assert "old" not in text
    assert (
        "| XDP links | a new program takes over between two packets | 5.9 | no | not known |"
        in text
    )
    assert "| `tests/wire/test_modes.py` | 1 passed | not run |" in text
    assert "* 6.1: this kernel makes no request sockets" in text


def test_the_page_has_the_features_that_there_are() -> None:
    """Those of the last run: a feature that is new, or has another name, needs a run."""
    rows = {row.split(" | ")[0] for row in page.PAGE.read_text().splitlines()}
    assert {f"| {feature.name}" for feature in FEATURES} <= rows


@pytest.mark.parametrize(
    ("words", "change", "written"),
    [
        (["all"], {}, True),
        (list(reversed(NAMES)), {}, True),
        (NAMES[1:], {}, False),
        (["all", "--quick"], {}, False),
        (["all", "--tests", "tests/vm"], {}, False),
        (["all"], {"failed": ("tests/a.py::test_x",)}, False),
        (["all"], {"problem": "the kernel did not come up"}, False),
        (["all"], {"problem": "out of reach", "skipped": True}, False),
    ],
    ids=["all", "each by name", "some", "quick", "tests", "a failure", "no boot", "not to be had"],
)
def test_only_a_whole_run_without_a_failure_writes_it(
    words: list[str],
    change: dict[str, object],
    written: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reports(asked: Options, root: Path, folder: Path) -> Iterator[Report]:
        """In another order than they were asked for: they come as they end."""
        names = [line.name for line in asked.lines][::-1]
        for name in names:
            fields = vars(good(name)) | (change if name == names[-1] else {})
            yield Report(**fields)

    @contextmanager
    def temporary(prefix: str, parent: Path) -> Iterator[Path]:
        yield tmp_path

    file = tmp_path / "kernels.md"
    file.write_text("as it was")
    for name, stand_in in (
        ("PAGE", file),
        ("reports", reports),
        ("temporary", temporary),
        ("_root", lambda asked: tmp_path),
        ("end_in_order", lambda: None),
    ):
        monkeypatch.setattr(main, name, stand_in)
    monkeypatch.setattr(sys, "argv", ["vm", *words])
    assert main.main() == int("failed" in change or change.get("problem") == "the kernel did not"
                              " come up")  # fmt: skip
    assert (file.read_text() != "as it was") == written
    if written:
        heads = " | ".join(f"{name}: `{name}.0-1`" for name in NAMES)
        assert f"| Tests | {heads} |" in file.read_text()
