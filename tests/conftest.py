"""What all tests share: the host is left as it was, a skip that nobody has agreed to fails in CI,
and what kernels lack."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from accel.ebpf import probes
from accel.lab.names import unique
from tests.support import host_state, processes
from vagrant.vm.results import skips

# No test asserts a time: the machines are shared, and a slow minute is no fault of the code's.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Every daemon would compile the same: the first one does it for all, or, for a virtual machine, the
# host has done it (vagrant/vm/parts/compiled.py).
_CACHE = tempfile.TemporaryDirectory(prefix=f"{unique()}-cache-")
if _given := os.environ.get("ACCEL_COMPILED"):
    shutil.copytree(_given, _CACHE.name, dirs_exist_ok=True)
os.environ["ACCEL_CACHE"] = _CACHE.name

# Nothing is multiplied that would be worth threads, and those that wait for work spin.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

_KNOWN = skips.known(os.environ.get("ACCEL_KNOWN_SKIPS", skips.HOST))
_skipped: list[skips.Skip] = []
_before: dict[str, host_state.Things | None] = {}
_changes: list[str] = []


@pytest.fixture(scope="session")
def full_run() -> None:
    """What uses it, itself or by another fixture, is left out of `make check`: all that makes
    namespaces, starts a daemon, loads a program, or takes seconds for something else."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="what `make check` runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        slow = [item for item in items if "full_run" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in set(slow)]


def pytest_sessionstart() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    host_state.sweep()
    _before.update(host_state.look())


def _leave(number: int, frame: FrameType | None) -> None:
    """As after Ctrl-C, all fixtures take back what they did."""
    pytest.exit(signal.Signals(number).name, returncode=128 + number)


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
    _changes.extend(host_state.changes(_before))
    processes.end_ours()
    refused = _changes or _unknown()
    if refused and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skip in _unknown():
        terminalreporter.write_line(f"skipped, and not in {skips.FILE.name}: {skip}", red=True)
    for change in _changes:
        terminalreporter.write_line(f"the host is not as it was: {change}", red=True)
