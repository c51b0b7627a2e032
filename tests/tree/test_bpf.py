"""The rooms of bpf/: entries in programs/, steps in the others, nothing that nobody includes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accel.ebpf.source import BPF_DIR, read_source

PROGRAMS = sorted(BPF_DIR.glob("programs/*"))
HEADERS = sorted(BPF_DIR.rglob("*.h"))


def name(path: Path) -> str:
    return str(path.relative_to(BPF_DIR))


def test_entries_and_steps_are_apart() -> None:
    files = [path for path in BPF_DIR.rglob("*") if path.is_file() and path.name[0] != "."]
    assert sorted(files) == sorted([*PROGRAMS, *HEADERS])
    assert all(path.name.endswith(".bpf.c") for path in PROGRAMS)
    assert all(path.parent.parent == BPF_DIR for path in files)


def test_every_step_is_included_by_a_program() -> None:
    texts = "".join(read_source(path) for path in PROGRAMS)
    assert [name(path) for path in HEADERS if f'#line 1 "{name(path)}"' not in texts] == []


@pytest.mark.parametrize("path", [*PROGRAMS, *HEADERS], ids=name)
def test_includes_do_not_depend_on_anything(path: Path) -> None:
    """A file is put in once: within an #if it would be missing where that is not so."""
    depth = 0
    for line in path.read_text().splitlines():
        depth += bool(re.match(r"#\s*if", line)) - line.startswith("#endif")
        assert not (depth and line.startswith("#include"))


@pytest.mark.parametrize("path", [*PROGRAMS, *HEADERS], ids=name)
def test_each_says_what_it_is_for(path: Path) -> None:
    assert path.read_text().splitlines()[1].startswith("/*")
