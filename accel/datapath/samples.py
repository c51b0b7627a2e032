"""Samples of packets, as they come by ring buffers: of what was not let through, of new flows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accel.datapath.layout import CONSTANTS

SAMPLE = np.dtype(
    [
        ("header", "=u4", 2),
        ("source", ">u8", 2),
        ("destination", ">u8", 2),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("length", "=u2"),
        ("protocol", "u1"),
        ("tcp_flags", "u1"),
        ("service", "=u4"),
        ("verdict", "=u4"),
        ("count", "=u8"),
    ]
)
"""A record with struct sample of bpf/maps/guard.h."""
HINT_SAMPLE = np.dtype(
    [
        ("header", "=u4", 2),
        ("time", "=u8"),
        ("opened", "=u8"),
        ("source", ">u8", 2),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("sequence", ">u4"),
        ("first", ">u4"),
        ("service", "=u4"),
        ("number", "=u4"),
        ("length", "=u2"),
        ("copied", "=u2"),
        ("held_out", "u1"),
        ("pad", "u1", 7),
        ("payload", "u1", CONSTANTS["SAMPLE_PAYLOAD"]),
    ]
)
"""A record with struct hint_sample of bpf/maps/hints.h."""
Samples = npt.NDArray[np.void]


def weights(samples: Samples) -> npt.NDArray[np.float64]:
    """How many packets each stands for: those that its counter counted since the sample before."""
    counts: npt.NDArray[np.float64] = samples["count"].astype(np.float64)
    every = float(CONSTANTS["SAMPLE_EVERY"])  # and the 1st, 2nd, 4th, 8th ...
    of_a_power = np.where(counts > every, counts % every, np.maximum(counts // 2, 1))
    return np.where(counts % every == 0, every, of_a_power)
