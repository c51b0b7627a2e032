"""The kernel's own types (BTF, Documentation/bpf/btf.rst): the numbers of its functions."""

from __future__ import annotations

import struct
from pathlib import Path

_KERNEL = Path("/sys/kernel/btf/vmlinux")
_MAGIC = 0xEB9F
_FUNCTION = 12
# What follows the 12 bytes of a type of each kind: bytes always, and for each of its members.
_FOLLOWS = {
    **dict.fromkeys((2, 7, 8, 9, 10, 11, 12, 16, 18), (0, 0)),
    **{1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0)},
    **{15: (0, 12), 17: (4, 0), 19: (0, 12)},
}


def function_id(name: str, *, btf: bytes | None = None) -> int:
    """The id by which a program calls a kernel function. Raises OSError if there is none.

    `btf` is read from this kernel unless it is given.
    """
    data = _KERNEL.read_bytes() if btf is None else btf
    magic, _, _, header, types, types_size, strings, strings_size = struct.unpack_from(
        "<HBBIIIII", data
    )
    if magic != _MAGIC:
        raise OSError(22, "the kernel's types are in an unknown form")
    words = header + strings
    found = data.find(f"\0{name}\0".encode(), words, words + strings_size)
    if found < 0:
        raise OSError(2, f"no {name} in this kernel")
    wanted = found + 1 - words
    at, number = header + types, 1
    end = at + types_size
    while at < end:
        name_at, info = struct.unpack_from("<II", data, at)
        kind = info >> 24 & 0x1F
        if kind == _FUNCTION and name_at == wanted:
            return number
        always, each = _FOLLOWS[kind]
        at += 12 + always + each * (info & 0xFFFF)
        number += 1
    raise OSError(2, f"no {name} in this kernel")
