"""Samples as the data path gives them, written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from accel.datapath.samples import HINT_SAMPLE, Samples

FIRST = 0xFFFFFF00  # sequence number of the SYN: they wrap around soon
MS = 10**6


def sample(
    time: int, at: int, data: bytes, *, client: int = 1, opened: int = 0, **fields: Any
) -> Samples:
    """A segment `at` so many bytes of the stream, at `time` in ns after the SYN."""
    made = np.zeros(1, HINT_SAMPLE)
    copied = data[: fields.pop("copied", len(data))]
    values = {
        "time": opened + time,
        "opened": opened,
        "source": [0, 0xFFFF_0A00_0000 + client],
        "source_port": 40_000,
        "destination_port": 443,
        "first": FIRST,
        "sequence": (FIRST + 1 + at) & 0xFFFFFFFF,
        "service": 1,
        "number": 1,
        "length": len(data),
        "copied": len(copied),
        **fields,
    }
    for name, value in values.items():
        made[name] = value
    made["payload"][0, : len(copied)] = np.frombuffer(copied, np.uint8)
    return made
