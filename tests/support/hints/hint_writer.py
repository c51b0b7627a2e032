"""Pushed hints, written as the daemon writes them: a request is read, planned, and then written.

The services and backends are those of a data path. Nothing is stored, and there are no quotas.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from accel.control.hints.pushed.batches import Refusal, Refusals
from accel.control.hints.pushed.put_plan import Clock, Quotas
from accel.control.hints.pushed.requests import Reader
from accel.control.hints.pushed.table_writer import Ledger
from accel.control.state.placement import Placement, Slot, pool_of
from accel.control.state.state import State
from accel.datapath.datapath import DataPath
from accel.model.address import Address
from accel.model.placement import PlacedService
from accel.model.prefix import Network
from accel.v1 import hint_pb2 as pb

CALLER = "tests"


class Refused(Exception):
    """Entries of a request that were refused, where all were to be accepted."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(f"{r.field}: {r.reason}: {r.message}" for r in refusals))
        self.refusals = refusals


class HintWriter:
    """Of one data path. Services are called by their index, backends by their number."""

    def __init__(self, datapath: DataPath) -> None:
        self._datapath = datapath
        self._ledger = Ledger(datapath.hints.pushed, datapath.limits, Quotas())

    def put(self, index: int, clients: Iterable[Address], number: int, **said: Any) -> None:
        """These clients are to go to that backend. Raises Refused; what is right is written.

        `said` is what else a batch has: lifetime and longest in seconds, require.
        """
        packed: dict[int, bytearray] = {4: bytearray(), 6: bytearray()}
        for client in clients:
            packed[client.version] += client.packed
        batch = pb.HintBatch(**self._target(index, number, **said))
        batch.ipv4, batch.ipv6 = bytes(packed[4]), bytes(packed[6])
        self.apply(pb.ApplyHintsRequest(batches=[batch]))

    def put_prefix(self, index: int, network: Network, number: int, **said: Any) -> None:
        """The same, of all clients of a prefix."""
        hint = pb.Hint(client=str(network), **self._target(index, number, **said))
        self.apply(pb.ApplyHintsRequest(hints=[hint]))

    def remove(self, index: int, clients: Iterable[Address | Network]) -> int:
        """How many of these clients and prefixes had a hint."""
        service = self._datapath.entries.placed[index].service.name
        keys = [pb.HintKey(service=service, client=str(client)) for client in clients]
        return self.apply(pb.ApplyHintsRequest(remove=keys))

    def apply(self, request: pb.ApplyHintsRequest) -> int:
        """How many entries were set, and hints removed. Raises Refused."""
        refusals, done = Refusals(), 0
        caller = (self._ledger.held.callers.number(CALLER), CALLER)
        for step in Reader(state_of(self._datapath.entries.placed.values()), refusals).read(
            request
        ):
            clock = Clock(now=self._datapath.hints.now(), wall=int(time.time()))
            plan = self._ledger.planner.plan(step, caller, clock, refusals)
            done += self._ledger.write(plan)
        if refusals.count:
            raise Refused(refusals.first())
        return done

    def _target(self, index: int, number: int, **said: Any) -> dict[str, Any]:
        """The fields of a Hint or a HintBatch that say where clients are to go."""
        name = next(
            b.backend.name
            for placed in self._datapath.entries.placed.values()
            for b in placed.backends
            if b.number == number
        )
        for field in said.keys() & {"lifetime", "longest"}:
            said[field] = {"seconds": said[field]}
        return {
            "service": self._datapath.entries.placed[index].service.name,
            "backend": name,
            **said,
        }


def state_of(services: Iterable[PlacedService]) -> State:
    """What the daemon knows of these."""
    placed = list(services)
    return State(
        services={p.service.name: p.service for p in placed},
        backends={p.service.name: {b.backend.name: b.backend for b in p.backends} for p in placed},
        placement=Placement(
            services=pool_of(
                {p.service.name: Slot(number=p.index, generation=0) for p in placed}, ()
            ),
            backends=pool_of(
                {
                    b.backend.key: Slot(number=b.number, generation=b.generation)
                    for p in placed
                    for b in p.backends
                },
                (),
            ),
        ),
    )
