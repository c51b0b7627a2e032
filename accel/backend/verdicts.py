"""The verdicts of the programs that run on backends: names from bpf/, counts from their maps."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from accel.datapath.layout import possible_cpus
from accel.ebpf import syscall
from accel.ebpf.source import BPF_DIR

_ENTRY = re.compile(r'V\((\w+), (\w+), ([01]),\s*\\?\s*"([^"]*)"\)')
_COUNTER = struct.Struct("=QQ")


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendVerdict:
    """Why a packet ended as it did: one line of a list in bpf/."""

    name: str
    action: str
    expected: bool
    meaning: str


Counts = dict[BackendVerdict, tuple[int, int]]


def read_verdicts(header: str) -> tuple[BackendVerdict, ...]:
    """The list in a header of bpf/, in order; the first has number 1."""
    return tuple(
        BackendVerdict(name=name.lower(), action=action, expected=expected == "1", meaning=meaning)
        for name, action, expected, meaning in _ENTRY.findall((BPF_DIR / header).read_text())
    )


def read_counts(fd: int, verdicts: Sequence[BackendVerdict]) -> Counts:
    """Packets and bytes by verdict, from a per-CPU array of counters."""
    size = _COUNTER.size * possible_cpus()
    counts = {}
    for number, verdict in enumerate(verdicts, start=1):
        cells = syscall.map_lookup(fd, struct.pack("=I", number), size) or b""
        packets, count = zip(*_COUNTER.iter_unpack(cells), strict=True)
        counts[verdict] = (sum(packets), sum(count))
    return counts
