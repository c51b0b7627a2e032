"""On which CPU this process runs, before whom, and how long a task was on one."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def on_cpus(*cpus: int) -> Iterator[None]:
    """This thread stays on `cpus` meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def first() -> Iterator[None]:
    """This process, and those that it starts, before others that would like the CPUs."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """The process stays on one CPU meanwhile, before others that would like it."""
    with on_cpus(max(os.sched_getaffinity(0))), first():
        yield


def spent(task: Path) -> int:
    """ns that a task was on a CPU, by its folder in /proc."""
    return int((task / "schedstat").read_text().split()[0])


@functools.cache
def ksoftirqd(cpu: int) -> Path:
    """The folder in /proc of the kernel's thread for softirqs of `cpu`."""
    for name in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # a process that has ended meanwhile
            if name.read_text() == f"ksoftirqd/{cpu}\n":
                return name.parent
    raise ProcessLookupError(f"ksoftirqd/{cpu}")
