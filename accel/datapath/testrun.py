"""What becomes of one packet, by the loaded program itself: BPF_PROG_TEST_RUN."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.layout import CONSTANTS
from accel.ebpf import syscall
from accel.errors import HostError
from accel.verdicts import Verdict

_ACTIONS = ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT")
_TRACE = struct.Struct("=8I")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one packet met: numbers are 0 where there is no service or backend.

    `hint` is what decided where a new flow goes, None if hints were not asked.
    """

    action: str
    frame: bytes
    verdict: Verdict
    service: int
    backend: int
    known_flow: bool
    slot: int | None
    ifindex: int
    hint: HintOutcome | None = None


def explain(program: int, frame: bytes) -> Outcome:
    """Run one Ethernet frame through `program`, a file descriptor; the maps stay as they are.

    The program is asked by metadata in front of the frame (struct trace) to count and store
    nothing and to say what it decided. Raises HostError before kernel 5.18.
    """
    meta = _TRACE.pack(CONSTANTS["TRACE_MAGIC"], 0, 0, 0, 0, 0, 0, 0)
    context = struct.pack("=6I", len(meta), len(meta) + len(frame), 0, 0, 0, 0)
    try:
        done = syscall.prog_test_run(program, meta + frame, context=context)
    except OSError as error:
        raise HostError(
            f"the kernel runs no packet to explain it: {error.strerror}",
            hint="boot a kernel from 5.18 on; all but `accel explain` works without",
        ) from None
    _, verdict, service, backend, slot, ifindex, _, hint = _TRACE.unpack_from(done.packet)
    return Outcome(
        action=_ACTIONS[done.action],
        frame=done.packet[_TRACE.size :],
        verdict=Verdict(verdict),
        service=service,
        backend=backend,
        known_flow=backend != 0 and slot == CONSTANTS["NO_SLOT"] and not hint,
        slot=None if slot == CONSTANTS["NO_SLOT"] else slot,
        ifindex=ifindex,
        hint=HintOutcome(hint) if hint else None,
    )
