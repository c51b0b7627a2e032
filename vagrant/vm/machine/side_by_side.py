"""Machines side by side: as many as there are cores, since each is emulated by one thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import TypeVar

_MEMORY_MB = 2300  # of a machine, with QEMU's own

T = TypeVar("T")


def side_by_side(jobs: Sequence[Callable[[Event], T]]) -> Generator[T]:
    """What each job returns, as soon as it does. When this ends early, its event is set.

    All of them have ended when this has.
    """
    stop = Event()
    with ThreadPoolExecutor(at_once()) as threads:
        started = [threads.submit(job, stop) for job in jobs]
        try:
            for done in as_completed(started):
                yield done.result()
        finally:
            stop.set()
            for one in started:
                one.cancel()


def at_once() -> int:
    """How many machines there are at the same time."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
    fit = (kilobytes["MemAvailable"] >> 10) // _MEMORY_MB
    return max(1, min(len(os.sched_getaffinity(0)), fit))
