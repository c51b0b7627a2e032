"""Pushed hints of a data path that no daemon runs, written as the daemon writes them."""

from __future__ import annotations

import time

import numpy as np

from accel.control.hints.pushed.batches import Lot, Refusals, Step, Target, Wish
from accel.control.hints.pushed.put_plan import Clock, Quotas
from accel.control.hints.pushed.requests import SIZE
from accel.control.hints.pushed.table_writer import Ledger
from accel.datapath.datapath import DataPath
from accel.datapath.encode import Words
from accel.model.hints import LONGEST
from accel.model.placement import PlacedBackend, PlacedService
from accel.model.prefix import Network

_CALLER = "bench"


class Pusher:
    """Hints live for a day: as long as there are any."""

    def __init__(self, path: DataPath) -> None:
        self._now = path.hints.now
        self._ledger = Ledger(path.hints.pushed, path.limits, Quotas())

    def push(self, placed: PlacedService, clients: Words) -> None:
        """Clients of IPv4, by the lower half of their address, all over a service's backends."""
        for at in range(0, len(clients), SIZE):
            some = clients[at : at + SIZE]
            lots = []
            for i, backend in enumerate(placed.backends):
                entries = np.arange(i, len(some), len(placed.backends))
                lots.append(
                    Lot(
                        service=placed.service.name,
                        index=placed.index,
                        target=_to(backend),
                        entries=entries,
                        where=str,
                        high=np.zeros(len(entries), np.uint64),
                        low=some[entries],
                    )
                )
            self._write(Step(lots=lots))

    def push_prefix(self, placed: PlacedService, network: Network) -> None:
        """All clients of a prefix, to a service's first backend."""
        wish = Wish(
            service=placed.service.name,
            index=placed.index,
            target=_to(placed.backends[0]),
            entry=0,
            where="",
            network=network,
        )
        self._write(Step(wishes=[wish]))

    def _write(self, step: Step) -> None:
        caller = (self._ledger.held.callers.number(_CALLER), _CALLER)
        refusals = Refusals()
        clock = Clock(now=self._now(), wall=int(time.time()))
        self._ledger.write(self._ledger.planner.plan(step, caller, clock, refusals))
        if refusals.count:
            raise RuntimeError(f"{refusals.count} hints failed: {refusals.first()[0]}")


def _to(backend: PlacedBackend) -> Target:
    return Target(
        backend=backend.backend.name,
        number=backend.number,
        generation=backend.generation,
        require=False,
        lifetime=LONGEST,
        longest=LONGEST,
    )
