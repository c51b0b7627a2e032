"""The floor plan: how full a folder, how long a file and how long a function may be, and that what
README, CONTRIBUTING and docs name is there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tree import DOCS, ROOT

FOLDERS = ("accel", "bench", "bpf", "control", "tests", "vagrant")
CODE = (".py", ".c", ".h", ".sh")
GENERATED = "accel/v1"  # by `make stubs`
MODULES, LINES, FUNCTION_LINES = 15, 300, 45
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def tracked(*folders: str) -> list[Path]:
    """Files that git has or would take, without those that are generated."""
    command = ("git", "ls-files", "-co", "--exclude-standard", *folders)
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in sorted(listed.splitlines())]
    return [p for p in paths if p.exists() and not p.is_relative_to(ROOT / GENERATED)]


FILES = tracked()
PLACES = {Path(os.path.normpath(place)) for path in FILES for place in (path, *path.parents)}
SOURCES = [path for path in tracked(*FOLDERS) if path.suffix in CODE]
PYTHON = [path for path in SOURCES if path.suffix == ".py"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_a_folder_has_few_modules() -> None:
    counts = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    assert {name(p): count for p, count in counts.items() if count > MODULES} == {}


def test_a_file_is_short() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > LINES} == {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name or first line, and how many lines it has."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or 0) - node.lineno + 1
        return
    lines = path.read_text().splitlines()
    for opened in (i for i, line in enumerate(lines) if line == "{"):
        closed = lines.index("}", opened) if "}" in lines[opened:] else opened
        yield lines[opened - 1], closed - opened + 1


def test_a_function_is_short() -> None:
    code = [path for path in SOURCES if path.suffix in (".py", ".c", ".h")]
    found = [(name(path), *function) for path in code for function in functions(path)]
    assert [each for each in found if each[2] > FUNCTION_LINES] == []


def test_a_package_says_what_belongs_there() -> None:
    packages = {path.parent for path in PYTHON}
    for package in sorted(packages):
        init = package / "__init__.py"
        assert init.is_file(), f"{name(package)} is no package"
        sentence = ast.get_docstring(ast.parse(init.read_text())) or ""
        assert re.match(r"\S.{15,}", sentence), f"{name(init)} does not say what belongs there"


def is_there(base: Path, path: str) -> bool:
    """Whether the tree has it: a file, a folder, or a pattern of them."""
    return any(Path(os.path.normpath(p)) in PLACES for p in base.glob(path.rstrip("/")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    """Its links, and every `path` in backquotes that begins with a folder of the tree."""
    text = page.read_text()
    folders = "|".join((*FOLDERS, r"\.ci", "deploy", "docs", "proto"))
    named = [(ROOT, path) for path in re.findall(rf"`((?:{folders})/[^` ]+)`", text)]
    named += [(page.parent, path) for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    missing = [path for base, path in named if not is_there(base, re.sub(r"::.*", "", path))]
    assert missing == []


def test_only_the_compiler_imports_bcc() -> None:
    found = {
        name(path)
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "bcc" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bcc")
    }
    assert found == {"accel/ebpf/compiler.py"}
