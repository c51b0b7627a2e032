"""The counters of the data path, with the names of what they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel.control.needs import Counts, DataPath
from accel.control.state.state import State
from accel.datapath.encode import admitted
from accel.model.backend import Backend
from accel.model.placement import NextHop, PlacedService
from accel.v1 import gateway_pb2


def collect(
    state: State,
    data_path: DataPath,
    next_hop: Callable[[Backend], NextHop | None],
    only: str = "",
) -> Any:
    """A GetStatsResponse, of one service if `only` names one. Raises NotFoundError."""
    if only:
        state.service(only)
    flows = data_path.known_flows()
    return gateway_pb2.GetStatsResponse(
        gateway=counts_of(data_path.gateway_counts()),
        services=[
            _service(state.placed(name, next_hop), data_path, flows)
            for name in sorted(state.services)
            if only in ("", name)
        ],
    )


def _service(placed: PlacedService, data_path: DataPath, flows: Any) -> Any:
    total = sum(b.backend.weight for b in placed.backends if admitted(b))
    counts = data_path.service_counts(placed.index)
    return gateway_pb2.ServiceStats(
        service=placed.service.name,
        verdicts=counts_of({v: c for v, c in counts.items() if not v.forward}),
        noted=counts_of(data_path.noted_counts(placed.index)),
        backends=[
            gateway_pb2.BackendStats(
                backend=b.backend.name,
                verdicts=counts_of(data_path.backend_counts(b.number)),
                # The ring gives each its share of the slots to within one slot.
                ring_share=b.backend.weight / total if admitted(b) else 0.0,
                known_flows=int(flows[b.number]),
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
