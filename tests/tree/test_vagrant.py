"""The Vagrantfile is valid for each provider, and its scripts are plain POSIX shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT
from vagrant.vm.parts.kernels import LINES

pytestmark = pytest.mark.usefixtures("full_run")

FOLDER = ROOT / "vagrant"


PROVIDERS = {"libvirt": "libvirt.cpus = 2", "virtualbox": "virtualbox.cpus = 2"}


def validate(
    folder: Path, provider: str, box: str, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """Vagrant's opinion, with no state but its own in `tmp_path`."""
    if not shutil.which("vagrant"):
        pytest.skip("no vagrant here")
    # Vagrant asks VirtualBox for its version, and for nothing more before a machine is started.
    virtualbox = tmp_path / "bin" / "VBoxManage"
    virtualbox.parent.mkdir()
    virtualbox.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    virtualbox.chmod(0o755)
    places = {
        "HOME": str(tmp_path),
        "PATH": f"{virtualbox.parent}:{os.environ['PATH']}",
        "VAGRANT_HOME": str(tmp_path / "home"),
        "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"),
        "VAGRANT_DEFAULT_PROVIDER": provider,
        "VAGRANT_DRIVER": "qemu",
        "VAGRANT_BOX": box,
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    done = subprocess.run(
        ["vagrant", "validate"],
        cwd=folder,
        env=os.environ | places,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if "could not be found" in done.stdout:
        pytest.skip(f"no vagrant here that has {provider}")
    return done


@pytest.mark.parametrize(
    ("provider", "box"),
    [("libvirt", "debian/bookworm64"), ("libvirt", "accel"), ("virtualbox", "debian/bookworm64")],
)
def test_the_vagrantfile_is_valid(provider: str, box: str, tmp_path: Path) -> None:
    done = validate(FOLDER, provider, box, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_invalid_one_is_found(provider: str, tmp_path: Path) -> None:
    """What the test above would be without: a setting that the provider does not know."""
    text = (FOLDER / "Vagrantfile").read_text()
    setting = PROVIDERS[provider]
    assert setting in text
    broken = tmp_path / "vagrant"
    broken.mkdir()
    (broken / "Vagrantfile").write_text(text.replace(setting, f"{provider}.cpuz = 2"))
    for script in FOLDER.glob("*.sh"):
        shutil.copy(script, broken)
    done = validate(broken, provider, "accel", tmp_path)
    assert done.returncode != 0
    assert "cpuz" in done.stdout


def test_each_kernel_line_has_a_machine() -> None:
    text = (FOLDER / "Vagrantfile").read_text()
    script = (FOLDER / "kernel.sh").read_text()
    for line in LINES:
        assert f'=> "{line.name}"' in text
        assert f"{line.name}) archive={line.archive} suite={line.suite}" in script


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    subprocess.run(["sh", "-n", path], check=True)
