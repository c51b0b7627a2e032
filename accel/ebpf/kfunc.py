"""Calls of the kernel's own functions (kfuncs) in bytecode whose compiler knows none.

bcc's front end has no way to name one. The C calls a number that no helper has, a marker, and here
each such call becomes one of a kernel function by its id in the kernel's BTF
(Documentation/bpf/kfuncs.rst). Such programs are loaded by bpf(2) itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_INSTRUCTION = struct.Struct("<BBhi")  # code, source and destination register, offset, immediate
_CALL = 0x85  # BPF_JMP | BPF_CALL
_LOAD_64 = 0x18  # two slots, the second of which is no instruction
_HELPER, _KERNEL_FUNCTION = 0, 2  # source register of a call: BPF_PSEUDO_KFUNC_CALL
FIRST_MARKER = 0x7F000001


def patch_calls(code: bytes, functions: Mapping[int, int]) -> bytes:
    """`code` with each call of a marker made one of a kernel function: ids by marker.

    Raises ValueError if a call of a marker is left, or one of `functions` is not called.
    """
    patched, wanted = bytearray(code), set(functions)
    offset = 0
    while offset < len(code):
        operation, registers, _, number = _INSTRUCTION.unpack_from(code, offset)
        if operation == _CALL and registers >> 4 == _HELPER and number >= FIRST_MARKER:
            if number not in functions:
                raise ValueError(f"no kernel function for the call of {number:#x}")
            _INSTRUCTION.pack_into(
                patched, offset, _CALL, _KERNEL_FUNCTION << 4, 0, functions[number]
            )
            wanted.discard(number)
        offset += _INSTRUCTION.size * (2 if operation == _LOAD_64 else 1)
    if wanted:
        raise ValueError(f"no call of {', '.join(f'{number:#x}' for number in sorted(wanted))}")
    return bytes(patched)
