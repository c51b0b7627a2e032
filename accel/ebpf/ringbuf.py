"""Records of one size, out of a BPF ring buffer.

The ring (kernel/bpf/ringbuf.c): a page with the consumer's position, one with the producer's, and
the data twice, end to end, so that no record is cut. A record is a header of 8 bytes, whose first
word is the length with a busy and a discard bit, and the data, to a multiple of 8. When the ring is
full the data path drops records, never packets; so nothing waits here.
"""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

from accel.ebpf import syscall

_BUSY = 1 << 31  # the discard bit, too, makes a length another one
MOST = 4096  # records that are read in one go


class RecordReader:
    """The one consumer of the ring buffer `fd`, of records with a `header` of two words."""

    def __init__(self, fd: int, record: np.dtype[np.void]) -> None:
        self._record = record
        self._size = syscall.map_info(fd).entries
        page = mmap.PAGESIZE
        self._consumer = np.frombuffer(mmap.mmap(fd, page), np.uint64, 1)
        behind = mmap.mmap(fd, page + 2 * self._size, prot=mmap.PROT_READ, offset=page)
        self._producer = np.frombuffer(behind, np.uint64, 1)
        self._data = np.frombuffer(behind, np.uint8, offset=page)

    def read(self, most: int = MOST) -> npt.NDArray[np.void]:
        """Those that have come since the last time, the oldest first: no more than `most`."""
        at, end, each = int(self._consumer[0]), int(self._producer[0]), self._record.itemsize
        count = min((end - at) // each, most)
        start = at % self._size
        found = self._data[start : start + count * each].view(self._record)
        state = found["header"][:, 0].copy()
        busy = np.flatnonzero(state & _BUSY)
        if len(busy):
            # One that a CPU writes at this moment: it and what follows are for the next time.
            count = int(busy[0])
            found, state = found[:count], state[:count]
        taken: npt.NDArray[np.void] = found[state == each - 8].copy()
        self._consumer[0] = at + count * each
        return taken
