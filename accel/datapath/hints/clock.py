"""The clock that hints end by: seconds of the kernel's ticks, as in bpf/hints/candidates.h."""

from __future__ import annotations

import os
import struct

from accel.datapath.layout import ticks_per_second
from accel.ebpf import syscall

# call bpf_jiffies64; r0 /= ticks; exit: three instructions need no compiler.
_CALL, _DIVIDE, _EXIT = 0x85, 0x37, 0x95
_JIFFIES64 = 118


class HintClock:
    """Seconds since about the start of this machine."""

    def __init__(self) -> None:
        """Raises syscall.VerifierError, an OSError."""
        code = b"".join(
            struct.pack("<BBhi", opcode, 0, 0, immediate)
            for opcode, immediate in (
                (_CALL, _JIFFIES64),
                (_DIVIDE, ticks_per_second()),
                (_EXIT, 0),
            )
        )
        self._program = syscall.prog_load(syscall.PROG_XDP, code, license="GPL", name="seconds")
        self._seconds = syscall.Question(self._program)

    def now(self) -> int:
        """Whole seconds."""
        return self._seconds.ask()

    def close(self) -> None:
        """Let go."""
        os.close(self._program)
