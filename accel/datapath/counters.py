"""The counters of the data path: a part per CPU, in it cells per backend, then per service."""

from __future__ import annotations

from accel.datapath.layout import CONSTANTS
from accel.datapath.maps import MapSet
from accel.datapath.steering.extension import Extension
from accel.verdicts import Verdict

Counts = dict[Verdict, tuple[int, int]]
"""Packets and bytes by verdict."""

_OF_BACKENDS = tuple(v for v in Verdict if v.forward)
_OF_SERVICES = tuple(v for v in Verdict if not v.forward)


class Counters(Extension):
    """The memory of `counters`. `backends` and `services` are by CPU, number and cell, of packets
    and bytes."""

    def __init__(self, maps: MapSet) -> None:
        cells = maps.words("counters").reshape(maps.cpus, -1, 2)
        split = maps.limits.backends * CONSTANTS["BACKEND_CELLS"]
        self.backends = cells[:, :split].reshape(
            maps.cpus, maps.limits.backends, CONSTANTS["BACKEND_CELLS"], 2
        )
        self.services = cells[:, split:].reshape(
            maps.cpus, maps.limits.services, CONSTANTS["SERVICE_CELLS"], 2
        )

    def backend(self, number: int) -> Counts:
        """By FORWARD_* verdict."""
        cells = self.backends[:, number].sum(axis=0).tolist()
        return {v: (cells[v - 1][0], cells[v - 1][1]) for v in _OF_BACKENDS}

    def service(self, index: int) -> Counts:
        """By the other verdicts."""
        return self._of_service(index, 0)

    def noted(self, index: int) -> Counts:
        """By the same: what was only noted."""
        return self._of_service(index, CONSTANTS["NOTED_CELL"])

    def _of_service(self, index: int, first: int) -> Counts:
        cells = self.services[:, index, first:].sum(axis=0).tolist()
        return {v: (cells[v][0], cells[v][1]) for v in _OF_SERVICES}

    def reset_backend(self, number: int) -> None:
        """All to 0."""
        self.backends[:, number] = 0

    def reset_service(self, index: int) -> None:
        """All to 0."""
        self.services[:, index] = 0
