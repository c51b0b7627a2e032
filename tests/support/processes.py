"""Processes that tests start: a run knows its own by the folder that they have in ACCEL_CACHE."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

_VARIABLE = b"ACCEL_CACHE="
_OF_A_RUN = re.compile(rb"ACCEL_CACHE=\S*/accel-(\d+)\.\d+-cache-")  # tests/conftest.py


def ours() -> dict[str, str]:
    """Those that this run has started and that have not ended, with the test that did."""
    return {
        f"{pid} ({_command(pid)})": f"running since {_started_by(environment)}"
        for pid, environment in _environments()
        if _is_of_this_run(environment) and pid != os.getpid()
    }


def is_ours(pid: int) -> bool:
    """Whether it is this process, or one that this run has started."""
    if pid == os.getpid():
        return True
    try:
        return _is_of_this_run(_environment(pid))
    except OSError:
        return False


def lives(pid: int) -> bool:
    """Whether a process has this number."""
    return Path(f"/proc/{pid}").exists()


def end_ours() -> None:
    """End what is left of this run."""
    for pid, environment in _environments():
        if _is_of_this_run(environment) and pid != os.getpid():
            _kill(pid)


def end_orphans() -> None:
    """End what runs of tests have left that were killed themselves."""
    for pid, environment in _environments():
        run = next(filter(None, map(_OF_A_RUN.match, environment)), None)
        if run and not lives(int(run[1])):
            _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _is_of_this_run(environment: list[bytes]) -> bool:
    return _VARIABLE + os.environb.get(b"ACCEL_CACHE", b"-") in environment


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is not for us to see
            yield int(path.name), _environment(int(path.name))


def _environment(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()[:80]
    return "ended"


def _started_by(environment: list[bytes]) -> str:
    name = b"PYTEST_CURRENT_TEST="
    tests = (each.removeprefix(name).decode() for each in environment if each.startswith(name))
    return next(tests, "no test ran")
