"""KVM is tried once, and again where the answer may be another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vagrant.vm.machine import kvm
from vagrant.vm.parts.kernels import LINES, Kernel

KERNEL = Kernel(line=LINES[0], release="1", folder=Path("/nowhere"))


@pytest.fixture
def tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The boots in which a kernel was tried, on a host that has /dev/kvm."""
    tried: list[str] = []

    def tries(kernel: Kernel) -> bool:
        tried.append(kvm._BOOT_ID.read_text())
        return len(tried) % 2 == 1

    qemu = tmp_path / "qemu"
    qemu.touch()
    for name in ("device", "boot"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(kvm, "_DEVICE", tmp_path / "device")
    monkeypatch.setattr(kvm, "_BOOT_ID", tmp_path / "boot")
    monkeypatch.setattr(kvm, "which", lambda tool: str(qemu))
    monkeypatch.setattr(kvm, "need_tools", lambda: None)
    monkeypatch.setattr(kvm, "_try", tries)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tried


def test_it_is_tried_once(tries: list[str]) -> None:
    assert [kvm.works(KERNEL) for _ in range(3)] == [True] * 3
    assert len(tries) == 1


def test_and_again_after_a_boot_and_on_another_host(tries: list[str]) -> None:
    assert kvm.works(KERNEL)
    kvm._BOOT_ID.write_text("another")
    assert [kvm.works(KERNEL) for _ in range(2)] == [False] * 2
    assert tries == ["boot", "another"]


def test_and_again_with_another_qemu(tries: list[str], tmp_path: Path) -> None:
    assert kvm.works(KERNEL)
    os.utime(tmp_path / "qemu", ns=(1, 1))
    assert not kvm.works(KERNEL)


def test_and_again_when_told_to(tries: list[str]) -> None:
    assert kvm.works(KERNEL)
    assert not kvm.works(KERNEL, refresh=True)
    assert not kvm.works(KERNEL)
    assert len(tries) == 2


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"host": 1}', '{"works": true}', "null"])
def test_an_answer_that_cannot_be_read_is_none(kept: str, tries: list[str], tmp_path: Path) -> None:
    (tmp_path / "accel-vm").mkdir()
    (tmp_path / "accel-vm" / "kvm.json").write_text(kept)
    assert kvm.works(KERNEL)
    assert len(tries) == 1


def test_without_a_device_nothing_is_tried_and_nothing_kept(
    tries: list[str], tmp_path: Path
) -> None:
    assert kvm.works(KERNEL)
    (tmp_path / "device").unlink()
    assert not kvm.works(KERNEL)
    (tmp_path / "device").touch()
    assert kvm.works(KERNEL)
    assert len(tries) == 1
