"""Jobs side by side: as many as there are cores, and what ends one early ends all."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from vagrant.vm.machine import side_by_side as module
from vagrant.vm.machine.side_by_side import at_once, side_by_side


def test_no_more_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "at_once", lambda: 2)
    running: list[int] = []
    most: list[int] = []

    def job(number: int, stop: threading.Event) -> int:
        running.append(number)
        most.append(len(running))
        time.sleep(0.05)
        running.remove(number)
        return number

    jobs = [partial(job, number) for number in range(6)]
    assert sorted(side_by_side(jobs)) == list(range(6))
    assert max(most) == 2


def test_results_come_as_jobs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "at_once", lambda: 2)
    first_seen = threading.Event()

    def slow(stop: threading.Event) -> str:
        first_seen.wait(10)
        return "slow"

    with closing(side_by_side([slow, lambda stop: "quick"])) as found:
        assert next(found) == "quick"
        first_seen.set()
        assert list(found) == ["slow"]


@pytest.mark.parametrize("how", ["closed", "a job fails"])
def test_all_end_when_it_ends_early(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "at_once", lambda: 2)
    ended: list[bool] = []

    def waits(stop: threading.Event) -> None:
        ended.append(stop.wait(30))

    def ends(stop: threading.Event) -> None:
        if how == "a job fails":
            raise RuntimeError("failed")

    found = side_by_side([ends, waits, waits, waits])
    if how == "closed":
        next(found)
        found.close()
    else:
        with pytest.raises(RuntimeError, match="failed"):
            next(found)
    assert 1 <= len(ended) <= 2, "those that had begun were told, and others do not begin"
    assert all(ended)


@pytest.mark.parametrize(
    ("available", "cores", "fit"), [(24_000, 2, 2), (24_000, 8, 8), (5000, 8, 2), (100, 8, 1)]
)
def test_memory_is_a_limit_too(
    available: int, cores: int, fit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"MemTotal:  {available * 2048} kB\nMemAvailable:   {available * 1024} kB\nHuge: 0\n"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert at_once() == fit
