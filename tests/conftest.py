"""What all tests share: a skip that nobody has agreed to fails in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_KNOWN = Path(__file__).with_name("known_skips.txt")
_skips: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skips.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


def _unknown() -> list[str]:
    lines = [line.strip() for line in _KNOWN.read_text().splitlines()]
    known = [line for line in lines if line and not line.startswith("#")]
    return [skip for skip in _skips if not any(part in skip for part in known)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") and _unknown() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skip in _unknown() if os.environ.get("CI") else []:
        terminalreporter.write_line(f"skipped, and not in {_KNOWN.name}: {skip}", red=True)
