"""What all tests share: a skip that nobody has agreed to fails in CI, and what kernels lack."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from accel.ebpf import probes

# No test asserts a time: the machines are shared, and a slow minute is no fault of the code's.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Every daemon would compile the same: the first one does it for all, or, for a virtual machine, the
# host has done it (vagrant/vm/compiled.py).
_CACHE = tempfile.TemporaryDirectory(prefix="accel-cache-")
if _given := os.environ.get("ACCEL_COMPILED"):
    shutil.copytree(_given, _CACHE.name, dirs_exist_ok=True)
os.environ["ACCEL_CACHE"] = _CACHE.name

_KNOWN = Path(__file__).with_name("known_skips.txt")
_skips: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skips.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """A test that ends by asking for an explanation is skipped where the kernel gives none."""
    try:
        yield
    except Exception as error:
        if "runs no packet to explain it" not in str(error):
            raise
        try:
            probes.run_with_context()
        except OSError as refused:
            pytest.skip(f"no test runs with a context in this kernel: {refused.strerror}")
        raise


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
