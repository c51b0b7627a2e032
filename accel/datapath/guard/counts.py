"""What the guards of many services have counted, read in one go: every tenth of a second counts.

A row for each service, a column for each Counted; of backends the sum over the service's.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.datapath.layout import CONSTANTS
from accel.model.placement import PlacedService
from accel.verdicts import Verdict

Cells = npt.NDArray[np.uint64]
"""Of each CPU, of each service or backend: cells of packets and bytes."""
Counts = npt.NDArray[np.int64]


class Counted(enum.IntEnum):
    """The columns. ANSWERED are cookies that came back."""

    SYN = 0
    NEW = 1
    CHALLENGED = 2
    PROVEN = 3
    FIRST_SYN = 4
    COOKIE = 5
    ANSWERED = 6
    BAD_COOKIE = 7
    UNKNOWN_FLOW = 8
    SYN_RATE = 9
    BAD_FLAGS = 10
    FIRST_FRAGMENT = 11
    DENIED = 12


_FORWARDED = slice(Verdict["FORWARD_SYN"] - 1, Verdict["FORWARD_NEW"])  # side by side
_OF_SERVICE = [
    CONSTANTS["NOTED_CELL"] + Verdict["PROVEN"] if column is Counted.ANSWERED else Verdict[name]
    for name, column in Counted.__members__.items()
    if column > Counted.NEW
]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Selection:
    """Which services are read: their indices, and where in `numbers` each one's backends end."""

    indices: npt.NDArray[np.intp]
    numbers: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]

    @classmethod
    def of(cls, services: Sequence[PlacedService]) -> Selection:
        """In the order of `services`."""
        return cls(
            indices=np.array([s.index for s in services], np.intp),
            numbers=np.array([b.number for s in services for b in s.backends], np.intp),
            ends=np.cumsum([0, *(len(s.backends) for s in services)], dtype=np.intp),
        )


def read(selection: Selection, services: Cells, backends: Cells) -> Counts:
    """Packets counted so far, by service of `selection` and Counted."""
    counts = np.zeros((len(selection.indices), len(Counted)), np.int64)
    for part in services:
        counts[:, 2:] += part[selection.indices[:, None], _OF_SERVICE, 0].astype(np.int64)
    sums = np.zeros((len(selection.numbers) + 1, 2), np.int64)
    for part in backends:
        sums[1:] += part[selection.numbers, _FORWARDED, 0].view(np.int64)
    np.cumsum(sums, axis=0, out=sums)
    counts[:, :2] = sums[selection.ends[1:]] - sums[selection.ends[:-1]]
    return counts
