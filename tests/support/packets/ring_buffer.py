"""A BPF ring buffer, read as Documentation/bpf/ringbuf.rst of the kernel says."""

from __future__ import annotations

import mmap
import struct

from accel.ebpf import syscall

_BUSY, _DISCARDED, _LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1
_HEADER = 8


class RingBuffer:
    """The consumer of one: its page, then the producer's, then the data twice, end to end."""

    def __init__(self, fd: int) -> None:
        self._size = syscall.map_info(fd).entries
        page = mmap.PAGESIZE
        self._consumer = mmap.mmap(fd, page)
        self._producer = mmap.mmap(fd, page + 2 * self._size, prot=mmap.PROT_READ, offset=page)

    @property
    def written(self) -> int:
        """Bytes that the data path has written since the map was made."""
        return int(struct.unpack_from("=Q", self._producer)[0])

    def take(self) -> list[bytes]:
        """The records that have come since the last time."""
        records = []
        at = struct.unpack_from("=Q", self._consumer)[0]
        while at < self.written:
            here = mmap.PAGESIZE + at % self._size
            length = struct.unpack_from("=I", self._producer, here)[0]
            assert not length & _BUSY
            size = length & _LENGTH
            if not length & _DISCARDED:
                records.append(self._producer[here + _HEADER : here + _HEADER + size])
            at += _HEADER + (size + 7) // 8 * 8
        struct.pack_into("=Q", self._consumer, 0, at)
        return records
