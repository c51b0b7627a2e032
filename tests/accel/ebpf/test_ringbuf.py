"""A ring buffer is read as the kernel writes it, from a file laid out like it: that of samples."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from accel.datapath.samples import SAMPLE
from accel.ebpf import syscall
from accel.ebpf.ringbuf import MOST, RecordReader

SIZE = 1 << 18  # bytes of data
PAYLOAD = SAMPLE.itemsize - 8
BUSY, DISCARDED = 1 << 31, 1 << 30


class Ring:
    """The kernel's side: positions, and the data at both of its places."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.ftruncate(self.fd, 2 * mmap.PAGESIZE + 2 * SIZE)
        self.end = 0

    def start_at(self, position: int) -> None:
        self.end = position
        os.pwrite(self.fd, struct.pack("=Q", position), 0)
        os.pwrite(self.fd, struct.pack("=Q", position), mmap.PAGESIZE)

    def write(self, count: int, flags: int = 0) -> None:
        record = struct.pack("=II", PAYLOAD | flags, 0) + bytes(PAYLOAD - 8)
        record += struct.pack("=Q", count)
        self.write_at(self.end % SIZE, record)
        self.end += len(record)
        os.pwrite(self.fd, struct.pack("=Q", self.end), mmap.PAGESIZE)

    def write_at(self, at: int, record: bytes) -> None:
        for place in (at, at + SIZE, at - SIZE):
            for i, byte in enumerate(record):
                if 0 <= place + i < 2 * SIZE:
                    os.pwrite(self.fd, bytes([byte]), 2 * mmap.PAGESIZE + place + i)

    @property
    def consumed(self) -> int:
        return int(struct.unpack("=Q", os.pread(self.fd, 8, 0))[0])


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.setattr(syscall, "map_info", lambda fd: SimpleNamespace(entries=SIZE))
    made = Ring()
    yield made
    os.close(made.fd)


def counts(reader: RecordReader) -> list[int]:
    return [int(sample["count"]) for sample in reader.read()]


def test_each_is_read_once_in_order(ring: Ring) -> None:
    reader = RecordReader(ring.fd, SAMPLE)
    assert counts(reader) == []
    for count in (1, 2, 3):
        ring.write(count)
    assert counts(reader) == [1, 2, 3]
    assert ring.consumed == ring.end
    ring.write(4)
    assert counts(reader) == [4]
    assert counts(RecordReader(ring.fd, SAMPLE)) == []


def test_one_that_is_being_written_waits_with_those_behind_it(ring: Ring) -> None:
    reader = RecordReader(ring.fd, SAMPLE)
    ring.write(1)
    at = ring.end
    ring.write(2, BUSY)
    ring.write(3)
    assert counts(reader) == [1]
    assert counts(reader) == []
    ring.write_at(at, struct.pack("=I", PAYLOAD))
    assert counts(reader) == [2, 3]


def test_what_was_discarded_is_passed_over(ring: Ring) -> None:
    reader = RecordReader(ring.fd, SAMPLE)
    for count, flags in ((1, DISCARDED), (2, 0), (3, DISCARDED)):
        ring.write(count, flags)
    assert counts(reader) == [2]
    assert ring.consumed == ring.end


@pytest.mark.parametrize("laps", [0, 1, 1 << 30])
def test_the_end_of_the_ring_is_its_beginning(ring: Ring, laps: int) -> None:
    ring.start_at((laps + 1) * SIZE - 2 * SAMPLE.itemsize)
    reader = RecordReader(ring.fd, SAMPLE)
    for count in (1, 2, 3, 4):
        ring.write(count)
    assert counts(reader) == [1, 2, 3, 4]


def test_no_more_than_a_bounded_number_in_one_go(ring: Ring) -> None:
    reader = RecordReader(ring.fd, SAMPLE)
    for count in range(7):
        ring.write(count)
    assert [reader.read(3)["count"].tolist() for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6], []]
    assert MOST * SAMPLE.itemsize <= SIZE
