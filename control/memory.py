"""Give back what only the start needed: most of a daemon's memory would be the compiler's.

bcc brings LLVM and Clang as libraries. Their code stays in memory once it has run, about 80 MB;
the kernel reads it again from the file if it is ever needed (MADV_DONTNEED of madvise(2), which
loses nothing of a mapping that nobody can write).
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

_COMPILER_CODE = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+ +\S*/lib(?:LLVM|clang|bcc)[^/]*$", re.MULTILINE
)
_MADV_DONTNEED = 4


def give_back() -> None:
    """Return the compiler's code and the freed parts of the heap to the kernel."""
    libc = ctypes.CDLL(None)
    for start, end in compiler_code(Path("/proc/self/maps").read_text()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)
    if hasattr(libc, "malloc_trim"):  # glibc has it, musl does not
        libc.malloc_trim(ctypes.c_size_t(0))


def compiler_code(maps: str) -> list[tuple[int, int]]:
    """Where it begins and ends, from the text of proc_pid_maps(5)."""
    return [(int(start, 16), int(end, 16)) for start, end in _COMPILER_CODE.findall(maps)]
