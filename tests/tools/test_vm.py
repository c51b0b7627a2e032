"""The machines' pure parts: what is read from what they leave, and what is asked for wrongly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from accel.errors import HostError, InvalidError
from vagrant.vm import __main__ as main
from vagrant.vm import boot, box, kernels, libvirt, machines, page, report, run
from vagrant.vm.boot import Ran
from vagrant.vm.kernels import Kernel, SuiteError
from vagrant.vm.report import Report

CHECK = """[
 {"name": "gateway program", "level": "ok", "found": "accepted", "fix": ""},
 {"name": "XDP links", "level": "fail", "found": "refused", "fix": "boot a newer kernel"},
 {"name": "daemon", "level": "warn", "found": "none", "fix": "start it"}
]"""
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.wire.test_modes" name="test_a"/>
<testcase classname="tests.wire.test_modes" name="test_b">
<skipped message="Skipped: no fou"/></testcase>
{more}</testsuite></testsuites>"""
FAILURE = (
    '<testcase classname="tests.wire.test_modes" name="test_c"><failure>x</failure></testcase>'
)
UP = "accel-vm: up\n"


def part(name: str, content: str) -> str:
    return f"\n==== {name}\n{content}\n==== end\n"


def ran(output: str, *, console: str = "", up: bool = True, timed_out: bool = False) -> Ran:
    return Ran(
        output=output,
        console=console,
        up_after=9.0 if up else None,
        seconds=99.0,
        busy=88.0,
        timed_out=timed_out,
    )


def whole(*, status: str = "0", more: str = "") -> str:
    parts = (("check", CHECK), ("junit", JUNIT.format(more=more)), ("status", status))
    return UP + "".join(part(*p) for p in parts)


def test_a_good_run() -> None:
    found = report.read("6.1", "6.1.0-1", ran(whole()))
    assert found.good
    assert dict(found.total) == {"passed": 1, "skipped": 1}
    text = report.text(found)
    assert text.startswith("kernel 6.1 (6.1.0-1): ok\n")
    assert "skipped 1: no fou" in text
    assert "accel check: XDP links: fail: refused" in text
    assert "daemon" not in text


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (ran(whole(status="1", more=FAILURE)), "failed: tests/wire/test_modes.py::test_c"),
        (ran(whole(status="1")), "exit status is 1"),
        (ran("", console="Kernel panic - not syncing", up=False), "Kernel panic"),
        (ran(UP, console="Oops"), "ended before its tests did"),
        (ran(UP + "tests/a.py::test_x PASSED\ntests/a.py::test_y ", timed_out=True),
         "it hangs in tests/a.py::test_y"),
        (ran(UP + part("junit", "") + part("status", "4")), "no test ran"),
    ],
    ids=["a test fails", "pytest fails", "no boot", "it dies", "a test hangs", "no tests"],
)  # fmt: skip
def test_what_goes_wrong_is_said(left: Ran, says: str) -> None:
    found = report.read("6.1", "6.1.0-1", left)
    assert not found.good
    assert says in report.text(found)


def test_a_kernel_that_is_not_to_be_had_is_no_failure() -> None:
    found = Report(line="newest", problem="the suite is out of reach", skipped=True)
    assert found.good
    assert "SKIPPED: the suite is out of reach" in report.text(found)


def test_the_page_says_what_was_not_run() -> None:
    good = report.read("6.1", "6.1.0-1", ran(whole()))
    reports = [good, Report(line="newest", problem="out of reach", skipped=True)]
    text = page.page(reports, which="--quick")
    assert (
        "| XDP links | a new program takes over between two packets | 5.9 | no | not known |"
        in text
    )
    assert "1 passed, 1 skipped | not run |" in text
    assert "* newest: out of reach" in text
    assert "with `--quick`" in text


# A machine, as the host sees it: where its console and its output go is on its command line.
QEMU = """#!/bin/sh
for word; do
	case $word in file:*) [ -n "$console" ] && output=${word#file:} || console=${word#file:} ;; esac
done
echo $$ >>"$(dirname "$console")/../pids"
%s
exec sleep 600
"""


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        ('echo "VFS: Cannot open root device" >"$console"',
         ["the kernel did not come up", "VFS: Cannot open root device"]),
        ('echo "Kernel panic - not syncing: oops" >"$console"; exit 0',
         ["the kernel did not come up", "Kernel panic"]),
        ('printf "accel-vm: up\\ntests/a.py::test_x " >"$output"; echo "rcu: stall" >"$console"',
         ["not done after", "it hangs in tests/a.py::test_x", "rcu: stall"]),
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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line, the console's last lines, another status than 0; and no process of it is left."""
    if wired and not boot._has_taps():
        pytest.skip("no taps in this kernel, or for this user")
    monkeypatch.setattr(boot, "_has_taps", lambda: wired)
    monkeypatch.setattr(boot, "_UP_SECONDS", 2)
    monkeypatch.setattr(boot, "initramfs", lambda kernel, path: path.touch())
    line = kernels.choose(["6.1"])[0]
    kernel = Kernel(line=line, release="6.1.0-1", folder=tmp_path)
    monkeypatch.setattr(main, "fetch", lambda line, refresh: kernel)
    monkeypatch.setattr(main, "image", lambda: tmp_path / "image")
    monkeypatch.setattr(main, "kvm_works", lambda kernel, folder: False)
    monkeypatch.setattr(main, "need_tools", lambda: None)
    monkeypatch.setattr(main, "prepare", lambda folder, old: folder.mkdir() or "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fake = tmp_path / "bin" / "qemu-system-x86_64"
    fake.parent.mkdir()
    fake.write_text(QEMU % machine)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "argv", ["vm", "6.1", "--limit", "4"])
    assert main.main() == 1
    said = capsys.readouterr().out
    assert "kernel 6.1 (6.1.0-1): FAILED" in said
    for words in says:
        assert words in said
    started = (tmp_path / "accel-vm" / "pids").read_text().split()
    assert not any(Path("/proc", process).exists() for process in started)
    assert len(started) == (1 if "up" in machine else 2), (
        "one that does not come up gets another try"
    )
    assert said.count("not up after") == (0 if "up" in machine else 2)
    assert not list((tmp_path / "accel-vm").glob("run-*"))


def test_what_runs_in_namespaces_of_its_own_ends_with_them(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    place = tmp_path / "mounted"
    place.mkdir()
    late = f"(sleep 3; touch {tmp_path}/left) & mount -t tmpfs tmpfs {place} && touch {place}/file"
    assert libvirt.inside(["sh", "-c", f"{late}; exit 5"], seconds=60) == 5
    with pytest.raises(HostError, match="not done after 1 s"):
        libvirt.inside(["sh", "-c", f"{late}; sleep 600"], seconds=1)
    subprocess.run(["sleep", "4"], check=True)
    assert list(tmp_path.iterdir()) == [place]
    assert list(place.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


# Vagrant, as `Machines` sees it: it notes what it is told, and its first starts fail.
VAGRANT = """#!/bin/sh
echo "$@" >>{folder}/told
[ "$1" = up ] || exit 0
echo "Waiting for domain to get an IP address..."
echo "systemd[1]: waiting" >"$VAGRANT_CONSOLES/$2.txt"
echo up >>{folder}/ups
[ "$(wc -l <{folder}/ups)" -gt {failing} ]
"""


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_machine_is_started_twice_at_the_most(
    failing: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = tmp_path / "bin" / "vagrant"
    fake.parent.mkdir()
    fake.write_text(VAGRANT.format(folder=tmp_path, failing=failing))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run.cache().mkdir()
    good = machines.Machines(tmp_path).alone("k61", ["tests/x.py"])
    assert good == (failing < 2)
    told = [line.split()[0] for line in (tmp_path / "told").read_text().splitlines()]
    start = ["up", "destroy"] * failing
    assert told == start + (["up", "ssh", "ssh", "destroy"] if good else ["destroy"])
    said = capsys.readouterr().out
    assert said.count("k61: not up after") == failing
    assert ("systemd[1]: waiting" in said) == (failing > 0)
    assert ("Waiting for domain to get an IP" in said) == (failing > 0)


def test_each_kernel_line_has_a_machine() -> None:
    assert list(machines._MACHINES) == [line.name for line in kernels.LINES]


def test_kernels_by_name() -> None:
    assert [line.name for line in kernels.choose([])] == ["6.1", "6.12"]
    assert kernels.choose(["all"]) == list(kernels.LINES)
    with pytest.raises(InvalidError, match=r"4\.19"):
        kernels.choose(["4.19"])


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="MB free") as caught:
        run.need_space(tmp_path, 1 << 40)
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
        return ""

    def lacks(*_: object, **__: object) -> None:
        kind = SuiteError if missing == "kernel" else HostError
        raise kind("there is none", hint="get one")

    for what, name in (
        ("tools", "need_tools"),
        ("space", "need_space"),
        ("image", "image"),
        ("kernel", "fetch"),
        ("", "prepare"),
        ("", "checkout"),
    ):
        monkeypatch.setattr(main, name, lacks if what == missing else done)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run.cache().mkdir()
    monkeypatch.setattr(sys, "argv", ["vm", "--quick", *["--if-possible"] * possible])
    status = main.main()
    said = capsys.readouterr()
    assert "there is none" in said.out + said.err
    assert (status == 0) == possible
    assert ("SKIPPED" in said.out) == possible


def test_a_suite_out_of_reach(tmp_path: Path) -> None:
    if subprocess.run(["sh", "-c", "command -v apt-get"], capture_output=True).returncode:
        pytest.skip("no apt-get here")
    code = (
        "from vagrant.vm import kernels\n"
        "try: kernels.fetch(kernels.choose(['newest'])[0])\n"
        "except kernels.SuiteError as e: print(e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path),
            "DEBIAN_MIRROR": "http://127.0.0.1:9",
            "PYTHONPATH": str(run.ROOT),
            "http_proxy": "",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no kernel newest" in done.stdout
    assert list((tmp_path / "accel-vm" / "kernels").iterdir()) == []
