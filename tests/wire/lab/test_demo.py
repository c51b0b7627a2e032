"""`make demo` as a process: what it says, how it ends, and that nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from accel.lab.clients.requests import Answer
from accel.lab.demo import acts
from accel.lab.demo.returning import Returning
from accel.lab.demo.siege import Siege
from accel.lab.namespace import end

COMMAND = [sys.executable, "-m", "accel.lab.demo"]


def left_behind(pid: int) -> list[Path]:
    return list(Path("/run/netns").glob(f"accel-{pid}.*"))


def test_every_request_is_answered() -> None:
    done = subprocess.run([*COMMAND, "--requests", "60"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    found = re.search(r"(\d+) requests in .*: 0 errors", done.stdout)
    assert found
    assert int(found[1]) == 60 * 6 * 3
    for name in ("ipip-v4", "ipip-v6", "gue-v4", "gue-v6", "l2dsr-v4", "l2dsr-v6"):
        assert re.search(rf"^{name} +\S+ +180 +0$", done.stdout, re.MULTILINE)
    assert "b5 drains" in done.stdout
    assert "forward_flow" in done.stdout
    without, learned = (
        re.search(rf"^{phase} +240 +0 +(\d+)% .* ms$", done.stdout, re.MULTILINE)
        for phase in ("hints off", "hints on")
    )
    assert without
    assert learned
    assert int(without[1]) < 60
    assert int(learned[1]) == 100
    off, on, over = (
        re.search(
            rf"^{phase} +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", done.stdout, re.MULTILINE
        )
        for phase in ("flood, guard off", "flood, guard on", "flood over")
    )
    assert off
    assert on
    assert over
    assert int(off[6]) > 0
    assert int(off[4]) > int(off[1]) / 2  # the backends get the flood
    assert int(on[2]) > 0
    assert int(on[3]) > 0
    assert int(on[4]) < int(off[4]) / 4
    assert (on[6], over[6]) == ("0", "0")
    assert not re.search(r"^(no_|malformed|bad_|fragment)", done.stdout, re.MULTILINE)


def test_a_failed_request_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(host: object, urls: list[str], **_: object) -> list[Answer]:
        return [Answer(url=url, backend="", size=0, error="refused") for url in urls]

    monkeypatch.setattr(acts, "curl", refuse)
    monkeypatch.setattr(Siege, "run", lambda siege: None)
    monkeypatch.setattr(Returning, "run", lambda returning: None)
    assert acts.main(["--requests", "1"]) == 1
    assert re.search(r"18 requests in .*: 18 errors", capsys.readouterr().out)
    assert left_behind(os.getpid()) == []


def test_ctrl_c_removes_everything() -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while "Act 1" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    finally:
        end([process])
    assert process.returncode == 130
    assert said.strip() == "demo: interrupted; everything is removed again"
    assert left_behind(process.pid) == []
