"""The counters of the data path, with the names of what they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel.control.ports import CounterPort, Counts, FlowPort
from accel.control.state.state import State
from accel.datapath.encode import admitted
from accel.model.backend import Backend
from accel.model.placement import NextHop, PlacedService
from accel.v1 import gateway_pb2


def collect(
    state: State,
    counters: CounterPort,
    flows: FlowPort,
    next_hop: Callable[[Backend], NextHop | None],
    only: str = "",
) -> Any:
    """A GetStatsResponse, of one service if `only` names one. Raises NotFoundError."""
    if only:
        state.service(only)
    known = flows.per_backend()
    return gateway_pb2.GetStatsResponse(
        gateway=counts_of(counters.service(0)),
        services=[
            _service(state.placed(name, next_hop), counters, known)
            for name in sorted(state.services)
            if only in ("", name)
        ],
    )


def _service(placed: PlacedService, counters: CounterPort, known: Any) -> Any:
    total = sum(b.backend.weight for b in placed.backends if admitted(b))
    counts = counters.service(placed.index)
    return gateway_pb2.ServiceStats(
        service=placed.service.name,
        verdicts=counts_of({v: c for v, c in counts.items() if not v.forward}),
        noted=counts_of(counters.noted(placed.index)),
        backends=[
            gateway_pb2.BackendStats(
                backend=b.backend.name,
                verdicts=counts_of(counters.backend(b.number)),
                # The ring gives each its share of the slots to within one slot.
                ring_share=b.backend.weight / total if admitted(b) else 0.0,
                known_flows=int(known[b.number]),
            )
            for b in placed.backends
        ],
    )


def counts_of(counts: Counts) -> list[Any]:
    """Those that are not zero."""
    return [
        gateway_pb2.VerdictCount(verdict=verdict.label, packets=packets, bytes=size)
        for verdict, (packets, size) in counts.items()
        if packets
    ]
