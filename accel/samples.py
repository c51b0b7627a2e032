"""Samples of packets, out of BPF ring buffers: of what was not let through, and of new flows.

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

_HEADER = 8
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
HINT_SAMPLE = np.dtype(
    [
        ("header", "=u4", 2),
        ("time", "=u8"),
        ("opened", "=u8"),
        ("source", ">u8", 2),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("sequence", ">u4"),
        ("first", ">u4"),
        ("service", "=u4"),
        ("number", "=u4"),
        ("length", "=u2"),
        ("copied", "=u2"),
        ("held_out", "u1"),
        ("pad", "u1", 7),
        ("payload", "u1", CONSTANTS["SAMPLE_PAYLOAD"]),
    ]
)
"""A record with struct hint_sample of bpf/hint_maps.h."""
Samples = npt.NDArray[np.void]


class SampleReader:
    """The one consumer of the ring buffer `fd`, whose records are all of `kind`."""

    def __init__(self, fd: int, kind: np.dtype[np.void] = SAMPLE) -> None:
        self._kind = kind
        self._size = syscall.map_info(fd).entries
        page = mmap.PAGESIZE
        self._consumer = np.frombuffer(mmap.mmap(fd, page), np.uint64, 1)
        behind = mmap.mmap(fd, page + 2 * self._size, prot=mmap.PROT_READ, offset=page)
        self._producer = np.frombuffer(behind, np.uint64, 1)
        self._data = np.frombuffer(behind, np.uint8, offset=page)

    def read(self) -> Samples:
        """Those that have come since the last time, the oldest first; MOST of them at the most."""
        at, end, each = int(self._consumer[0]), int(self._producer[0]), self._kind.itemsize
        count = min((end - at) // each, MOST)
        start = at % self._size
        found = self._data[start : start + count * each].view(self._kind)
        state = found["header"][:, 0].copy()
        busy = np.flatnonzero(state & _BUSY)
        if len(busy):
            # One that a CPU writes at this moment: it and what follows are for the next time.
            count = int(busy[0])
            found, state = found[:count], state[:count]
        taken: Samples = found[state == each - _HEADER].copy()
        self._consumer[0] = at + count * each
        return taken


def weights(samples: Samples) -> npt.NDArray[np.float64]:
    """How many packets each stands for: those that its counter counted since the sample before."""
    counts: npt.NDArray[np.float64] = samples["count"].astype(np.float64)
    every = float(CONSTANTS["SAMPLE_EVERY"])  # and the 1st, 2nd, 4th, 8th ...
    of_a_power = np.where(counts > every, counts % every, np.maximum(counts // 2, 1))
    return np.where(counts % every == 0, every, of_a_power)
