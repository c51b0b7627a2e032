"""Calls of kernel functions, patched into bytecode."""

from __future__ import annotations

import struct

import pytest

from accel.ebpf.btf import function_id
from accel.ebpf.kfunc import FIRST_MARKER, patch_calls

MARKER, OTHER = FIRST_MARKER, FIRST_MARKER + 1


def instruction(code: int, source: int = 0, offset: int = 0, number: int = 0) -> bytes:
    return struct.pack("<BBhi", code, source << 4, offset, number)


HELPER = instruction(0x85, number=99)
CALL = instruction(0x85, number=MARKER)
EXIT = instruction(0x95)
# A 64-bit load whose number, and whose second slot, look like what is to be patched.
LOAD = struct.pack("<BBhi", 0x18, 0, 0, MARKER) + struct.pack("<BBhi", 0x85, 0, 0, MARKER)


def test_a_call_becomes_one_of_the_function() -> None:
    patched = patch_calls(HELPER + CALL + EXIT, {MARKER: 123456})
    assert patched == HELPER + instruction(0x85, source=2, number=123456) + EXIT


def test_each_call_gets_its_own_function() -> None:
    code = CALL + instruction(0x85, number=OTHER) + CALL
    wanted = [(2, 7), (2, 8), (2, 7)]
    patched = patch_calls(code, {MARKER: 7, OTHER: 8})
    found = [struct.unpack_from("<BBhi", patched, at) for at in range(0, len(patched), 8)]
    assert [(registers >> 4, number) for _, registers, _, number in found] == wanted


def test_what_is_no_call_stays() -> None:
    code = LOAD + instruction(0xB7, number=MARKER) + instruction(0x85, source=1, number=MARKER)
    assert patch_calls(code + CALL, {MARKER: 7})[: len(code)] == code


def test_an_unknown_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="no kernel function for the call of 0x7f000002"):
        patch_calls(instruction(0x85, number=OTHER) + CALL, {MARKER: 7})


@pytest.mark.parametrize("code", [HELPER + EXIT, LOAD + EXIT])
def test_a_function_that_is_not_called_is_refused(code: bytes) -> None:
    with pytest.raises(ValueError, match="no call of 0x7f000001"):
        patch_calls(code, {MARKER: 7})


def test_types_of_another_form_are_refused() -> None:
    with pytest.raises(OSError, match="unknown form"):
        function_id("run", btf=bytes(64))
