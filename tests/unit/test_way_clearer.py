"""What is in the way of new connections is ended when it is told, without a kernel."""

from __future__ import annotations

import logging
import os
import queue
from collections.abc import Iterator
from typing import cast

import pytest

from accel import way_clearer
from accel.accept import Accept, LeftOver
from accel.way_clearer import WayClearer

MAPPED = bytes(10) + b"\xff\xff"
LEFT = LeftOver(client=MAPPED + b"abcd", server=MAPPED + b"efgh", ports=(40000, 443))
NAMED = {"here": LEFT.server, "there": LEFT.client, "port": 443, "their_port": 40000}


class Program:
    """In the place of Accept: what is to be ended, and a descriptor that tells of it."""

    def __init__(self) -> None:
        self.left_overs_fd = os.eventfd(0)
        self.left_overs: list[LeftOver] = []

    def tell(self, *left_overs: LeftOver) -> None:
        self.left_overs += left_overs
        os.eventfd_write(self.left_overs_fd, 1)

    def take_left_overs(self) -> list[LeftOver]:
        os.eventfd_read(self.left_overs_fd)
        taken, self.left_overs = self.left_overs, []
        return taken


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[dict[str, object]]:
    told: queue.Queue[dict[str, object]] = queue.Queue()
    monkeypatch.setattr(way_clearer, "end_time_wait", lambda **which: told.put(which))
    return told


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    clearer = WayClearer(cast(Accept, made))
    yield made
    clearer.close()
    os.close(made.left_overs_fd)


def test_each_is_ended_when_it_is_told(
    ended: queue.Queue[dict[str, object]], program: Program
) -> None:
    for _ in range(3):
        program.tell(LEFT)
        assert ended.get(timeout=30) == NAMED
    assert ended.empty()


def test_a_kernel_that_ends_none_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    tried: queue.Queue[str] = queue.Queue()

    def refuse(**_: object) -> bool:
        tried.put("")
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(way_clearer, "end_time_wait", refuse)
    for _ in range(3):
        program.tell(LEFT, LEFT)
        for _ in range(2):
            tried.get(timeout=30)
    # The last one's warning would have been written after it was tried.
    monkeypatch.setattr(way_clearer, "end_time_wait", lambda **_: tried.put(""))
    program.tell(LEFT)
    tried.get(timeout=30)
    assert caplog.text.count("cannot end a connection in TIME-WAIT: Operation not supported") == 1
