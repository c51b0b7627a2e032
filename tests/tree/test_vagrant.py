"""The Vagrantfile is valid for each provider, and its scripts are plain POSIX shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT
from vagrant.vm.kernels import LINES

FOLDER = ROOT / "vagrant"


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_the_vagrantfile_is_valid(provider: str, tmp_path: Path) -> None:
    if not shutil.which("vagrant"):
        pytest.skip("no vagrant here")
    places = {"VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot")}
    done = subprocess.run(
        ["vagrant", "validate"],
        cwd=FOLDER,
        env=os.environ | places | {"VAGRANT_DEFAULT_PROVIDER": provider},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if "isn't usable on this system" in done.stdout or "could not be found" in done.stdout:
        pytest.skip(f"no vagrant here that has {provider}")
    assert done.returncode == 0, done.stdout


def test_each_kernel_line_has_a_machine() -> None:
    text = (FOLDER / "Vagrantfile").read_text()
    script = (FOLDER / "kernel.sh").read_text()
    for line in LINES:
        assert f'=> "{line.name}"' in text
        assert f"{line.name}) archive={line.archive} suite={line.suite}" in script


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    subprocess.run(["sh", "-n", path], check=True)
