"""Samples of packets that were not let through, out of the BPF ring buffer of that name.

The ring (kernel/bpf/ringbuf.c): a page with the consumer's position, one with the producer's, and
the data twice, end to end, so that no record is cut. A record is a header of 8 bytes, whose first
word is the length with a busy and a discard bit, and the data, to a multiple of 8. Ours are all of
one size. When the ring is full the data path drops samples, never packets; so nothing waits here.
"""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

from accel import syscall
from accel.maps import CONSTANTS

_BUSY = 1 << 31  # the discard bit, too, makes a length another one
MOST = 4096  # samples that are read in one go; a full ring has as many

SAMPLE = np.dtype(
    [
        ("header", "=u4", 2),
        ("source", ">u8", 2),
        ("destination", ">u8", 2),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("length", "=u2"),
        ("protocol", "u1"),
        ("tcp_flags", "u1"),
        ("service", "=u4"),
        ("verdict", "=u4"),
        ("count", "=u8"),
    ]
)
"""A record with struct sample of bpf/guard_maps.h."""
Samples = npt.NDArray[np.void]
_PAYLOAD = SAMPLE.itemsize - 8


class SampleReader:
    """The one consumer of the ring buffer `fd`."""

    def __init__(self, fd: int) -> None:
        self._size = syscall.map_info(fd).entries
        page = mmap.PAGESIZE
        self._consumer = np.frombuffer(mmap.mmap(fd, page), np.uint64, 1)
        behind = mmap.mmap(fd, page + 2 * self._size, prot=mmap.PROT_READ, offset=page)
        self._producer = np.frombuffer(behind, np.uint64, 1)
        self._data = np.frombuffer(behind, np.uint8, offset=page)

    def read(self) -> Samples:
        """Those that have come since the last time, the oldest first; MOST of them at the most."""
        at, end = int(self._consumer[0]), int(self._producer[0])
        count = min((end - at) // SAMPLE.itemsize, MOST)
        start = at % self._size
        found = self._data[start : start + count * SAMPLE.itemsize].view(SAMPLE)
        state = found["header"][:, 0].copy()
        busy = np.flatnonzero(state & _BUSY)
        if len(busy):
            # One that a CPU writes at this moment: it and what follows are for the next time.
            count = int(busy[0])
            found, state = found[:count], state[:count]
        taken: Samples = found[state == _PAYLOAD].copy()
        self._consumer[0] = at + count * SAMPLE.itemsize
        return taken


def weights(samples: Samples) -> npt.NDArray[np.float64]:
    """How many packets each stands for: those that its counter counted since the sample before."""
    counts: npt.NDArray[np.float64] = samples["count"].astype(np.float64)
    every = float(CONSTANTS["SAMPLE_EVERY"])  # and the 1st, 2nd, 4th, 8th ...
    of_a_power = np.where(counts > every, counts % every, np.maximum(counts // 2, 1))
    return np.where(counts % every == 0, every, of_a_power)
