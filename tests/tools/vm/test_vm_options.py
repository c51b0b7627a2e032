"""What `make vm-test` is asked for wrongly, or asked for where it is not to be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from accel.errors import HostError, InvalidError
from vagrant.vm import __main__ as main
from vagrant.vm import runs
from vagrant.vm.host import cache
from vagrant.vm.host.programs import ROOT
from vagrant.vm.libvirt import box, machines
from vagrant.vm.parts import kernels
from vagrant.vm.parts.apt import SuiteError


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of pytest stay as they are."""
    for module in (main, box, machines):
        monkeypatch.setattr(module, "end_in_order", lambda: None)


def test_each_kernel_line_has_a_machine() -> None:
    assert list(machines._MACHINES) == [line.name for line in kernels.LINES]


def test_kernels_by_name() -> None:
    assert [line.name for line in kernels.choose([])] == ["6.1", "6.12"]
    assert [line.name for line in kernels.choose(["6.12", "6.1", "6.12"])] == ["6.12", "6.1"]
    assert kernels.choose(["all"]) == list(kernels.LINES)
    with pytest.raises(InvalidError, match=r"4\.19"):
        kernels.choose(["4.19"])


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="MB free") as caught:
        cache.need_space(tmp_path, 1 << 40)
    assert "XDG_CACHE_HOME" in caught.value.hint


@pytest.mark.parametrize(
    ("command", "package"), [(main, "qemu-system-x86"), (box, "vagrant-libvirt"), (machines, "ssh")]
)
def test_a_missing_program_is_one_line(
    command: ModuleType,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["vm"])
    assert command.main() == HostError.exit_code
    said = capsys.readouterr().err
    assert package in said
    assert "apt install" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("possible", [True, False])
@pytest.mark.parametrize("missing", ["tools", "space", "image", "kernel"])
def test_in_ci_what_is_not_to_be_had_is_said_and_no_failure(
    missing: str,
    possible: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def done(*_: object, **__: object) -> str:
        return "done"

    def lacks(*_: object, **__: object) -> None:
        kind = SuiteError if missing == "kernel" else HostError
        raise kind("there is none", hint="get one")

    for what, module, name in (
        ("tools", main, "need_tools"),
        ("space", main, "need_space"),
        ("image", main, "image"),
        ("kernel", runs, "fetch"),
    ):
        monkeypatch.setattr(module, name, lacks if what == missing else done)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.cache().mkdir()
    monkeypatch.setattr(sys, "argv", ["vm", "--quick", *["--if-possible"] * possible])
    status = main.main()
    said = capsys.readouterr()
    assert "there is none" in said.out + said.err
    assert (status == 0) == possible
    assert ("SKIPPED" in said.out) == possible


@pytest.mark.usefixtures("full_run")
def test_a_suite_out_of_reach(tmp_path: Path) -> None:
    if subprocess.run(["sh", "-c", "command -v apt-get"], capture_output=True).returncode:
        pytest.skip("no apt-get here")
    code = (
        "from vagrant.vm.parts import apt, kernels\n"
        "try: kernels.fetch(kernels.choose(['newest'])[0])\n"
        "except apt.SuiteError as e: print(e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path),
            "DEBIAN_MIRROR": "http://127.0.0.1:9",
            "PYTHONPATH": str(ROOT),
            "http_proxy": "",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no kernel of trixie-backports" in done.stdout
    assert list((tmp_path / "accel-vm" / "kernels").iterdir()) == []
