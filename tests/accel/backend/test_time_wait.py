"""What is in the way of new connections is ended when it is told, without a kernel."""

from __future__ import annotations

import dataclasses
import logging
import os
import queue
from collections.abc import Iterator
from typing import cast

import pytest
from scapy.all import IP, TCP, IPv6

from accel.backend import time_wait
from accel.backend.cookie_acceptor import Accept, LeftOver
from accel.backend.tcp_probe import probe
from accel.backend.time_wait import WayClearer

MAPPED = bytes(10) + b"\xff\xff"
LEFT = LeftOver(
    client=MAPPED + b"abcd",
    server=MAPPED + b"efgh",
    ports=(40000, 443),
    numbers=(5, 2**32 - 1),
    times=(7, 9),
    data=True,
)
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
    monkeypatch.setattr(time_wait, "end_time_wait", lambda **which: told.put(which))
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


def test_who_sent_no_data_is_asked_for_it_again(
    monkeypatch: pytest.MonkeyPatch, ended: queue.Queue[dict[str, object]], program: Program
) -> None:
    sent: queue.Queue[bytes] = queue.Queue()
    monkeypatch.setattr(time_wait, "send_probe", sent.put)
    program.tell(dataclasses.replace(LEFT, data=False))
    packet = IP(sent.get(timeout=30))
    assert (packet.src, packet.dst) == ("101.102.103.104", "97.98.99.100")
    segment = packet[TCP]
    assert (segment.sport, segment.dport, segment.flags) == (443, 40000, "A")
    assert (segment.seq, segment.ack) == (2**32 - 2, 5)
    assert ("Timestamp", (9, 7)) in segment.options
    assert ended.get(timeout=30) == NAMED


@pytest.mark.parametrize("times", [None, (7, 9)])
@pytest.mark.parametrize("version", [4, 6])
def test_the_probe_is_a_whole_packet(version: int, times: tuple[int, int] | None) -> None:
    addresses = {
        "here": bytes(range(16)) if version == 6 else LEFT.server,
        "there": bytes(range(1, 17)) if version == 6 else LEFT.client,
    }
    made = probe(**addresses, ports=(1, 2), numbers=(3, 4), times=times)
    packet = IP(made) if version == 4 else IPv6(made)
    check = packet[TCP].chksum
    del packet[TCP].chksum
    if version == 4:
        del packet[IP].chksum
        assert packet.len == len(made)
    else:
        assert packet.plen == len(made) - 40
    assert type(packet)(bytes(packet))[TCP].chksum == check


def test_a_kernel_that_ends_none_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    tried: queue.Queue[str] = queue.Queue()

    def refuse(**_: object) -> bool:
        tried.put("")
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(time_wait, "end_time_wait", refuse)
    for _ in range(3):
        program.tell(LEFT, LEFT)
        for _ in range(2):
            tried.get(timeout=30)
    # The last one's warning would have been written after it was tried.
    monkeypatch.setattr(time_wait, "end_time_wait", lambda **_: tried.put(""))
    program.tell(LEFT)
    tried.get(timeout=30)
    assert caplog.text.count("cannot end a connection in TIME-WAIT: Operation not supported") == 1
