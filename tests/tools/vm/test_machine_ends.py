"""Machines that do not end well: it is said, the others go on, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vagrant.vm import __main__ as main
from vagrant.vm import runs
from vagrant.vm.host.programs import ROOT
from vagrant.vm.machine import boot, qemu
from vagrant.vm.parts.kernels import Kernel, Line

pytestmark = pytest.mark.usefixtures("full_run")  # it starts processes that hang

# A machine, as the host sees it: where its console and its output go is on its command line.
QEMU = """#!/bin/sh
for word; do
	case $word in file:*) [ -n "$console" ] && output=${word#file:} || console=${word#file:} ;; esac
	case $word in *accel.kernel=*) line=${word##*accel.kernel=} ;; esac
done
echo $$ >>"$(dirname "$console")/../../pids"
%s
exec sleep 600
"""
HANGS = 'printf "accel-vm: up\\ntests/a.py::test_x " >"$output"; echo "rcu: stall" >"$console"'
GOOD = """
cat >"$output" <<-END
	accel-vm: up

	==== junit
	<t><testcase classname="tests.a" name="test_x"/></t>
	==== end

	==== status
	0
	==== end
END
exit 0"""


class Host:
    """A host with a QEMU, and kernels, that are none."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(boot, "_UP_SECONDS", 2)
        monkeypatch.setattr(boot, "initramfs", lambda kernel: folder / "initramfs")
        monkeypatch.setattr(runs, "fetch", self._kernel)
        monkeypatch.setattr(runs, "initramfs", lambda kernel: None)
        monkeypatch.setattr(runs, "prepare", lambda folder, old: folder.mkdir() or "")
        monkeypatch.setattr("vagrant.vm.machine.kvm.works", lambda kernel, refresh: False)
        monkeypatch.setattr(main, "image", lambda: folder / "image")
        monkeypatch.setattr(main, "need_tools", lambda: None)
        monkeypatch.setattr(main, "end_in_order", lambda: None)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")

    def _kernel(self, line: Line, refresh: bool) -> Kernel:
        return Kernel(line=line, release=f"{line.name}.0-1", folder=self._folder)

    def test(self, machine: str, *words: str) -> int:
        """`make vm-test` with machines that do this."""
        write(self._folder / "bin" / "qemu-system-x86_64", QEMU % machine)
        self._monkeypatch.setattr(sys, "argv", ["vm", *words])
        return main.main()

    def started(self) -> list[str]:
        """Processes of machines; none of them runs any more."""
        pids = (self._folder / "accel-vm" / "pids").read_text().split()
        assert not any(Path("/proc", process).exists() for process in pids)
        assert not list((self._folder / "accel-vm").glob("run-*"))
        return pids


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def write(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        ('echo "VFS: Cannot open root device" >"$console"',
         ["the kernel did not come up", "VFS: Cannot open root device"]),
        ('echo "Kernel panic - not syncing: oops" >"$console"; exit 0',
         ["the kernel did not come up", "Kernel panic"]),
        (HANGS, ["not done after", "it hangs in tests/a.py::test_x", "rcu: stall"]),
        ('echo "accel-vm: up" >"$output"; echo "Oops: 0002" >"$console"; exit 1',
         ["the machine ended before its tests did", "Oops: 0002"]),
        ('echo "qemu: no such machine" >&2; exit 1', ["qemu: no such machine"]),
    ],
    ids=["no boot", "a panic", "a test hangs", "it dies", "qemu refuses"],
)  # fmt: skip
@pytest.mark.parametrize("wired", [True, False])
def test_a_machine_that_does_not_end_well(
    machine: str,
    says: list[str],
    wired: bool,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line, the console's last lines, another status than 0; and no process of it is left."""
    if wired and not qemu.has_taps():
        pytest.skip("no taps in this kernel, or for this user")
    monkeypatch.setattr(qemu, "has_taps", lambda: wired)
    assert host.test(machine, "6.1", "--limit", "4") == 1
    said = capsys.readouterr().out
    assert "kernel 6.1 (6.1.0-1): FAILED" in said
    for words in says:
        assert words in said
    assert len(host.started()) == (1 if "up" in machine else 2), (
        "one that does not come up gets another try"
    )
    assert said.count("not up after") == (0 if "up" in machine else 2)


@pytest.mark.parametrize(
    "bad",
    [HANGS, 'echo "accel-vm: up" >"$output"; exit 1', 'rm -r "$(dirname "$output")"; exit 1'],
    ids=["it hangs", "it dies", "its files are gone"],
)
def test_a_bad_machine_does_not_disturb_the_other(
    bad: str,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("vagrant.vm.machine.side_by_side.at_once", lambda: 2)
    machine = f'if [ "$line" = 6.1 ]; then\n{bad}\nelse{GOOD}\nfi'
    assert host.test(machine, "6.1", "6.12", "--limit", "4") == 1
    said = capsys.readouterr().out
    assert "kernel 6.1 (6.1.0-1): FAILED" in said
    assert "kernel 6.12 (6.12.0-1): ok\n  tests: 1 passed, 0 failed, 0 skipped\n" in said
    assert len(host.started()) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_was_started_ends_with_the_program(number: signal.Signals, tmp_path: Path) -> None:
    """Two machines run, and it is told to end, or is killed. Only then its folder stays."""
    write(tmp_path / "bin" / "qemu-system-x86_64", QEMU % HANGS)
    code = """
import sys
from pathlib import Path
import pytest
from test_machine_ends import Host
from vagrant.vm import __main__ as main
end_in_order = main.end_in_order
folder = Path(sys.argv[1])
patch = pytest.MonkeyPatch()
Host(folder, patch)
patch.setattr("vagrant.vm.machine.side_by_side.at_once", lambda: 2)
patch.setattr(main, "end_in_order", end_in_order)
sys.argv[1:] = ["6.1", "6.12"]
sys.exit(main.main())
"""
    code = code.replace("from test_machine_ends", f"from {__name__}")
    paths = os.pathsep.join(map(str, [ROOT, ROOT / "tests"]))
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    noted = tmp_path / "accel-vm" / "pids"
    while not noted.exists() or len(noted.read_text().split()) < 2:
        assert program.poll() is None
        time.sleep(0.05)
    program.send_signal(number)
    said, _ = program.communicate(timeout=30)
    assert "FAILED" not in said
    killed = number == signal.SIGKILL
    assert program.returncode == (-number if killed else 128 + number)
    pids = noted.read_text().split()
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in pids) and killed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in pids)
    assert bool(list((tmp_path / "accel-vm").glob("run-*"))) == killed


def _runs(pid: str) -> bool:
    """Whether a process is there, and no zombie that nobody waits for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
