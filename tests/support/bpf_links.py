"""All BPF links of the kernel, whoever made them, and which processes hold one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from pathlib import Path
from typing import Any

from accel.ebpf import syscall

_FD_BY_ID, _NEXT_ID = 30, 31  # linux/bpf.h, BPF_LINK_GET_*


class _NextId(ctypes.Structure):
    """Of union bpf_attr, what BPF_*_GET_NEXT_ID takes."""

    _fields_ = (("start", ctypes.c_uint32), ("next", ctypes.c_uint32), ("flags", ctypes.c_uint32))


def there() -> dict[str, Any]:
    """What each is, by its number. Raises OSError without the right."""
    found: dict[str, Any] = {}
    last = 0
    while True:
        attr = _NextId(start=last)
        try:
            syscall.bpf(_NEXT_ID, attr)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return found
            raise
        last = attr.next
        with contextlib.suppress(FileNotFoundError):  # it has just gone
            fd = syscall.bpf(_FD_BY_ID, struct.pack("<III", last, 0, 0))
            try:
                lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
            finally:
                os.close(fd)
            known = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            names = [key for key in ("link_type", "prog_id", "ifindex") if key in known]
            found[str(last)] = ", ".join(f"{key} {known[key]}" for key in names)


def holders(number: int) -> set[int]:
    """The processes that have a descriptor of this link."""
    line = f"link_id:\t{number}\n"
    found = set()
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(fd) == "anon_inode:bpf_link":
                _, _, process, _, name = fd.parts
                if line in Path(f"/proc/{process}/fdinfo/{name}").read_text():
                    found.add(int(process))
    return found
