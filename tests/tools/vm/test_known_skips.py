"""The lists of known skips: how they are read, and that they are of tests that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagrant.vm.host.programs import ROOT
from vagrant.vm.parts.kernels import LINES
from vagrant.vm.results import skips
from vagrant.vm.results.skips import Skip

TEXT = """# a comment
[host]
tests/: no zsh here

[6.1]
# another
tests/vm/test_a.py::test_x: no ipip: devices
tests/vm/test_b.py: old
[6.12]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known_skips.txt"
    path.write_text(TEXT)
    return path


def test_sections(file: Path) -> None:
    assert skips.known("host", file) == [Skip("tests/", "no zsh here")]
    assert skips.known("6.1", file) == [
        Skip("tests/vm/test_a.py::test_x", "no ipip: devices"), Skip("tests/vm/test_b.py", "old")
    ]  # fmt: skip
    assert skips.known("6.12", file) == []
    with pytest.raises(ValueError, match=r"no section \[5\.10\]"):
        skips.known("5.10", file)


@pytest.mark.parametrize("text", ["tests/: before any section", "[host]\nno reason"])
def test_a_line_that_is_none(text: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match="line"):
        skips.known("host", file)


def test_what_a_line_covers(file: Path) -> None:
    listed = skips.known("6.1", file)
    known = Skip("tests/vm/test_a.py::test_x[gue]", "no ipip: devices in this kernel")
    others = [
        Skip("tests/vm/test_a.py::test_x[gue]", "no fou"),
        Skip("tests/vm/test_a.py::test_y", "no ipip: devices in this kernel"),
        Skip("tests/vm/test_c.py::test_x", "old"),
    ]
    assert skips.unknown([known, *others], listed) == others


def test_what_no_skip_uses(file: Path) -> None:
    listed = skips.known("6.1", file)
    happened = [Skip("tests/vm/test_a.py::test_x[gue]", "no ipip: devices")]
    ran = [happened[0].test, "tests/vm/test_b.py::test_z"]
    assert skips.unused(listed, happened, ran) == [Skip("tests/vm/test_b.py", "old")]
    assert skips.unused(listed, happened, ran[:1]) == []


@pytest.mark.parametrize("section", [skips.HOST, *(line.name for line in LINES)])
def test_each_kernel_has_a_list_of_tests_that_exist(section: str) -> None:
    for line in skips.known(section):
        path, _, name = line.test.partition("::")
        assert (ROOT / path).exists(), line
        assert not name or f"def {name.partition('[')[0]}" in (ROOT / path).read_text(), line
