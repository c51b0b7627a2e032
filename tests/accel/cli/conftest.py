"""A daemon to test the CLI against: in this process as its own tests have it, or as a process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from accel.cli import connect
from accel.cli.main import main
from tests.control.conftest import acceld, folder, here, limits
from tests.support.cli.commands import FILE, Accel, Result
from tests.support.tree import ROOT

__all__ = ["acceld", "folder", "here", "limits"]


@pytest.fixture
def socket(tmp_path: Path, full_run: None) -> Iterator[Path]:
    """The socket of a running daemon whose data path is in memory."""
    folder = tmp_path / "run"
    path = folder / "s"
    daemon = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.support.daemon.fakes"),
            *("--socket", path, "--state", tmp_path / "state.db", "--pin-root", tmp_path / "pins"),
            *("--max-backends", "64"),
        ],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not path.exists():
            assert daemon.poll() is None, "the daemon ended"
            time.sleep(0.02)
        yield path
    finally:
        daemon.terminate()
        daemon.wait()


@pytest.fixture
def accel(
    socket: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Accel:
    """Runs a command in this process."""
    monkeypatch.setenv(connect.ENVIRONMENT, str(socket))

    def run(*arguments: str, code: int = 0) -> Result:
        got = main(arguments)
        out, err = capsys.readouterr()
        assert got == code, f"exit {got}: {out}{err}"
        return Result(got, out, err)

    return run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(FILE)
    return str(path)


@pytest.fixture
def applied(accel: Accel, file: str) -> Accel:
    """The same, with FILE applied."""
    accel("apply", "-f", file)
    return accel
