"""The map of rings: an inner map for each service, swapped whole: no packet sees half a ring."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor

from accel import image, syscall
from accel.placed import PlacedService

_FLAGS = syscall.F_MMAPABLE | syscall.F_INNER_MAP
# Rings that are written at once: the kernel waits for the packets under way once in each batch,
# and each ring is an open file meanwhile.
_BATCH = 128
_BUILDERS = min(8, os.cpu_count() or 1)


class Rings:
    """The outer map by its file descriptor; `limit` is its number of entries."""

    def __init__(self, outer: int, limit: int) -> None:
        self._outer = outer
        self._limit = limit
        self._builders = ThreadPoolExecutor(_BUILDERS)

    def put(self, services: Sequence[PlacedService]) -> int:
        """Write the rings that differ. Returns how many."""
        return sum(self._put(services[i : i + _BATCH]) for i in range(0, len(services), _BATCH))

    def _put(self, services: Sequence[PlacedService]) -> int:
        fds: dict[int, int] = {}
        rings = self._builders.map(image.ring_lines, services)
        try:
            for placed, lines in zip(services, rings, strict=True):
                if self._read(placed.index) != lines:
                    fds[placed.index] = _inner(lines)
            if fds:
                keys = struct.pack(f"={len(fds)}I", *fds)
                values = struct.pack(f"={len(fds)}I", *fds.values())
                syscall.map_update_batch(self._outer, keys, values, len(fds))
        finally:
            for fd in fds.values():
                os.close(fd)
        return len(fds)

    def remove(self, index: int) -> int:
        """1 if there was a ring."""
        return int(syscall.map_delete(self._outer, struct.pack("=I", index)))

    def remove_others(self, kept: Container[int]) -> int:
        """Remove every ring whose index is not in `kept`. Returns how many."""
        present = [i for i in range(self._limit) if self._id(i) is not None]
        return sum(self.remove(i) for i in present if i not in kept)

    def memory(self, services: Sequence[PlacedService]) -> int:
        """Bytes that the rings of `services` take: their lines, and a page for the map itself."""
        lines = sum(
            -(-p.service.ring_size // image.SLOTS_PER_LINE)
            + -(-len(p.backends) // image.NUMBERS_PER_LINE)
            for p in services
        )
        return lines * image.LINE + len(services) * mmap.PAGESIZE

    def _id(self, index: int) -> int | None:
        value = syscall.map_lookup(self._outer, struct.pack("=I", index), 4)
        return struct.unpack("=I", value)[0] if value else None

    def _read(self, index: int) -> bytes | None:
        id_ = self._id(index)
        if id_ is None:
            return None
        fd = syscall.map_fd_by_id(id_)
        try:
            size = syscall.map_info(fd).entries * image.LINE
            with mmap.mmap(fd, _pages(size), mmap.MAP_SHARED, mmap.PROT_READ) as memory:
                return memory[:size]
        finally:
            os.close(fd)


def _inner(lines: bytes) -> int:
    fd = syscall.map_create(
        syscall.MAP_ARRAY, 4, image.LINE, len(lines) // image.LINE, flags=_FLAGS, name="ring"
    )
    with mmap.mmap(fd, _pages(len(lines))) as memory:
        memory[: len(lines)] = lines
    return fd


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
