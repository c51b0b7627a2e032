"""A run of tests fails by what it leaves behind, and takes everything back when it is ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT
from tests.tools.test_host_state import APART

pytestmark = pytest.mark.usefixtures("full_run")
LEAVES = """
import subprocess
def test_it():
    subprocess.run("ip link set there promisc on", shell=True, check=True)
"""
ENDED = """
import os, signal, subprocess
import pytest
@pytest.fixture
def promiscuous():
    subprocess.run("ip link set there promisc on", shell=True, check=True)
    yield
    subprocess.run("ip link set there promisc off", shell=True, check=True)
@pytest.mark.parametrize("time", range(2))
def test_it(promiscuous, time):
    os.kill(os.getpid(), signal.SIGTERM)
"""


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A run of its own of this one file."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    (folder / "test_one.py").write_text(text)
    command = (*APART, sys.executable, "-m", "pytest", "-p", "tests.conftest", str(folder))
    options = ("-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"))
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)


def test_what_is_left_fails_it(tmp_path: Path) -> None:
    done = run(tmp_path, LEAVES)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "the host is not as it was: link there: flags " in done.stdout


def test_what_ends_it_lets_fixtures_take_back_what_they_did(tmp_path: Path) -> None:
    done = run(tmp_path, ENDED)
    assert done.returncode == 128 + 15, done.stdout + done.stderr
    assert "the host is not as it was" not in done.stdout
