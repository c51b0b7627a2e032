"""What all tests share: a skip that nobody has agreed to fails in CI, and what kernels lack."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from accel.ebpf import probes
from vagrant.vm.results import skips

# No test asserts a time: the machines are shared, and a slow minute is no fault of the code's.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Every daemon would compile the same: the first one does it for all, or, for a virtual machine, the
# host has done it (vagrant/vm/compiled.py).
_CACHE = tempfile.TemporaryDirectory(prefix="accel-cache-")
if _given := os.environ.get("ACCEL_COMPILED"):
    shutil.copytree(_given, _CACHE.name, dirs_exist_ok=True)
os.environ["ACCEL_CACHE"] = _CACHE.name

_KNOWN = skips.known(os.environ.get("ACCEL_KNOWN_SKIPS", skips.HOST))
_skipped: list[skips.Skip] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(skips.Skip(report.nodeid, reason.removeprefix("Skipped: ")))


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


def _unknown() -> list[skips.Skip]:
    return skips.unknown(_skipped, _KNOWN) if os.environ.get("CI") else []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unknown() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skip in _unknown():
        terminalreporter.write_line(f"skipped, and not in {skips.FILE.name}: {skip}", red=True)
