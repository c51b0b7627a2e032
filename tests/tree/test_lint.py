"""The tree as its tools want it: lint, types, format, and stubs that match their protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.support.tree import ROOT

C_LICENCES = {
    # What is loaded into the kernel, and what is part of a Python process.
    **dict.fromkeys(("bpf/**/*.[ch]", "bench/**/*.c", "tests/**/*.c"), "GPL-2.0-only"),
    "accel/datapath/steering/*.c": "Apache-2.0",
}
C_FILES = {
    str(path.relative_to(ROOT)): licence
    for pattern, licence in C_LICENCES.items()
    for path in sorted(ROOT.glob(pattern))
}


def run(*command: str, cwd: Path = ROOT) -> str:
    """What a tool of this environment printed; the test fails with it if the tool does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


def test_ruff_check() -> None:
    run("ruff", "check", "--no-cache", ".")


def test_ruff_format() -> None:
    run("ruff", "format", "--no-cache", "--check", ".")


def test_mypy() -> None:
    """The package with the daemon in it (accel/control), benchmarks, machines and tests."""
    run("mypy", "accel", "bench", "vagrant", "tests")


def test_contracts_of_imports() -> None:
    """Those of pyproject.toml: floors, and rooms that do not know each other."""
    assert "accel.control.daemon" in grimp.build_graph("accel", cache_dir=None).modules
    run("lint-imports", "--no-cache")


def test_buf_lint() -> None:
    run("buf", "lint", cwd=ROOT / "proto")


def test_clang_format() -> None:
    some = ("bpf/programs/gateway.bpf.c", "bpf/packet/parse.h", "bench/bpf/wrapper.bpf.c")
    assert C_FILES.keys() >= {*some, "accel/datapath/steering/_maglev.c"}
    run("clang-format", "--dry-run", "-Werror", *C_FILES)


def test_the_stubs_are_those_of_the_protocol(tmp_path: Path) -> None:
    committed = {path.name: path for path in (ROOT / "accel/v1").glob("*_pb2*")}
    protocols = sorted(str(path) for path in (ROOT / "proto/accel/v1").glob("*.proto"))
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    run(sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *outputs, *protocols)
    generated = {path.name: path for path in (tmp_path / "accel/v1").iterdir()}
    for name in sorted(committed.keys() | generated.keys()):
        old, new = committed.get(name), generated.get(name)
        if new and not new.read_text().strip("\n"):
            continue
        assert old, f"{name} is missing: run make stubs"
        assert new, f"{name} comes from no protocol any more: remove it"
        assert old.read_text() == new.read_text(), f"{name} is out of date: run make stubs"


@pytest.mark.parametrize("pattern", C_LICENCES)
def test_no_pattern_has_lost_what_it_was_for(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


@pytest.mark.parametrize(("name", "licence"), C_FILES.items())
def test_c_names_its_licence(name: str, licence: str) -> None:
    first = (ROOT / name).read_text().splitlines()[0]
    assert first == f"// SPDX-License-Identifier: {licence}"
    assert (ROOT / "LICENSES" / f"{licence}.txt").is_file()
