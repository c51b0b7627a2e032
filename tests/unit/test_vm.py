"""The machines' pure parts: what is read from what they leave, and what is asked for wrongly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accel.errors import HostError, InvalidError
from vagrant.vm import kernels, report, run
from vagrant.vm.boot import Ran
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
    page = report.page([good, Report(line="newest", problem="out of reach", skipped=True)])
    assert (
        "| XDP links | a new program takes over between two packets | 5.9 | no | not known |"
        in page
    )
    assert "1 passed, 1 skipped | not run |" in page
    assert "* newest: out of reach" in page


def test_kernels_by_name() -> None:
    assert [line.name for line in kernels.choose([])] == ["6.1", "6.12"]
    assert kernels.choose(["all"]) == list(kernels.LINES)
    with pytest.raises(InvalidError, match=r"4\.19"):
        kernels.choose(["4.19"])


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="MB free") as caught:
        run.need_space(tmp_path, 1 << 40)
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_no_qemu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(HostError, match="qemu-system-x86") as caught:
        run.need_tools()
    assert "apt install" in caught.value.hint
    assert "\n" not in str(caught.value)


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
