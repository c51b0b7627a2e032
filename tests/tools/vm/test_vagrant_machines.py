"""Vagrant's machines, and whether their box is that of this checkout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from vagrant.vm.host.cache import cache
from vagrant.vm.libvirt import box, machines, stale
from vagrant.vm.parts.initramfs import initramfs
from vagrant.vm.parts.kernels import Kernel, choose
from vagrant.vm.parts.modules import WANTED

# Vagrant, as `Machines` sees it: it notes what it is told, and its first starts fail.
VAGRANT = """#!/bin/sh
echo "$@" >>{folder}/told
[ "$1" = up ] || exit 0
echo "Waiting for domain to get an IP address..."
echo "systemd[1]: waiting" >"$VAGRANT_CONSOLES/$2.txt"
echo up >>{folder}/ups
[ "$(wc -l <{folder}/ups)" -gt {failing} ]
"""
# And as `box.make` sees it: a box is a folder of its home.
ADDS = """#!/bin/sh
for box; do :; done
place=$VAGRANT_HOME/boxes/accel/0/libvirt
mkdir -p $place && tar -xf $box -C $place
echo "$@" >>{folder}/told
"""


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "home"))
    cache().mkdir()


def program(name: str, script: str, folder: Path) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_machine_is_started_twice_at_the_most(
    failing: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program("vagrant", VAGRANT.format(folder=tmp_path, failing=failing), tmp_path)
    good = machines.Machines(tmp_path).alone("6.1", ["tests/x.py"])
    assert good == (failing < 2)
    told = [line.split()[0] for line in (tmp_path / "told").read_text().splitlines()]
    start = ["up", "destroy"] * failing
    assert told == start + (["up", "ssh", "ssh", "destroy"] if good else ["destroy"])
    said = capsys.readouterr().out
    assert said.count("k61: not up after") == failing
    assert ("systemd[1]: waiting" in said) == (failing > 0)
    assert ("Waiting for domain to get an IP" in said) == (failing > 0)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kernel 6.12 is in the cache; what would take minutes is not done. Vagrant's metadata."""
    folder = cache() / "kernels" / "6.12"
    (folder / "lib").mkdir(parents=True)
    (folder / "release").write_text("6.12.0-1")
    (folder / "kept-modules").write_text("\n".join(WANTED))
    program("vagrant", ADDS.format(folder=tmp_path), tmp_path)
    program(
        "qemu-img", '#!/bin/sh\nfor last; do :; done\n[ "$1" = resize ] || touch $last\n', tmp_path
    )
    program("busybox", "#!/bin/sh\nexec cat\n", tmp_path)
    monkeypatch.setattr(box, "need_tools", lambda vagrant: None)
    monkeypatch.setattr("vagrant.vm.parts.image.image", lambda: tmp_path / "image")
    return tmp_path / "home/boxes/accel/0/libvirt/metadata.json"


def added(tmp_path: Path) -> int:
    told = tmp_path / "told"
    return len(told.read_text().splitlines()) if told.exists() else 0


def test_a_box_is_made_anew_when_it_is_another_and_only_then(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = choose(["6.12"])
    for _ in range(2):
        box.make(lines)
        assert added(tmp_path) == 1
    assert "made anew" not in capsys.readouterr().out
    for old in ({"recipe": "0123456789ab"}, {}):
        count = added(tmp_path)
        made.write_text(json.dumps({"provider": "libvirt"} | old))
        box.make(lines)
        assert added(tmp_path) == count + 1
        assert "another recipe by now: it is made anew" in capsys.readouterr().out
        assert json.loads(made.read_text())["recipe"] == box.recipe()


def test_each_home_of_vagrant_has_a_box_of_its_own(made: Path, tmp_path: Path) -> None:
    box.make(choose(["6.12"]))
    box.make(choose(["6.12"]), environment={"VAGRANT_HOME": str(tmp_path / "another")})
    assert added(tmp_path) == 2


def test_a_stale_box_is_noticed(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stale.stale("6.12") == [
        "Vagrant has no box accel.",
        "The initramfs of kernel 6.12 (6.12.0-1) is not there, or old.",
    ]
    box.make(choose(["6.12"]))
    monkeypatch.setattr(sys, "argv", ["stale", "6.12"])
    assert stale.main() == 0
    assert capsys.readouterr().out == ""
    made.write_text(json.dumps({"recipe": "0123456789ab"}))
    assert stale.main() == 0
    said = capsys.readouterr().out
    assert "The box accel was made from another recipe" in said
    assert "`make vagrant-box`" in said
    assert "vagrant destroy" in said


def test_a_kernel_that_the_box_cannot_boot_is_noticed(made: Path) -> None:
    box.make(choose(["6.12"]))
    folder = cache() / "kernels" / "6.12"
    for name, found in (
        ("initramfs-recipe", "The initramfs of kernel 6.12 (6.12.0-1) is not there, or old."),
        ("kept-modules", "Kernel 6.12 is not there, or lacks modules that are wanted now."),
    ):
        kept = (folder / name).read_text()
        (folder / name).write_text("another")
        assert stale.stale("6.12") == [found]
        (folder / name).write_text(kept)
    (folder / "initramfs").unlink()
    assert len(stale.stale("6.12")) == 1


def test_an_initramfs_is_made_once(made: Path) -> None:
    folder = cache() / "kernels" / "6.12"
    kernel = Kernel(line=choose(["6.12"])[0], release="6.12.0-1", folder=folder)
    first = initramfs(kernel).stat().st_ino
    assert initramfs(kernel).stat().st_ino == first
    (folder / "initramfs-recipe").write_text("another")
    assert initramfs(kernel).stat().st_ino != first
    assert sorted(path.name for path in folder.iterdir()) == [
        "initramfs", "initramfs-recipe", "kept-modules", "lib", "release"
    ]  # fmt: skip
