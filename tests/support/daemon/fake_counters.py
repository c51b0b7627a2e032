"""Counters that tell which service or backend they are of: CounterPort and FlowPort."""

from __future__ import annotations

from accel.control.ports import Counts
from accel.verdicts import Verdict


class FakeCounters:
    """Of no service 7 packets, of others as many as their index says."""

    def service(self, index: int, /) -> Counts:
        if not index:
            return {Verdict["NOT_SERVICE"]: (7, 700)}
        return {Verdict["ECHO"]: (index, 100 * index), Verdict["NO_BACKEND"]: (0, 0)}

    def noted(self, index: int, /) -> Counts:
        return {Verdict["CHALLENGED"]: (3 * index, 300 * index)}

    def backend(self, number: int, /) -> Counts:
        return {Verdict["FORWARD_FLOW"]: (number, 1000 * number)}


class FakeFlows:
    """As many flows as the backend's number says."""

    def __init__(self, backends: int) -> None:
        self._backends = backends

    def per_backend(self) -> list[int]:
        return list(range(self._backends))
