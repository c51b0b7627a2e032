"""The reference model's ring, over the Python twin that the product's is tested against."""

from __future__ import annotations

from collections.abc import Sequence

from accel.datapath.steering.maglev import build_reference
from accel.model.backend import Mode, State
from accel.model.placement import PlacedService


class Ring:
    """The backend number of each slot, over the backends of a service that may get new flows."""

    def __init__(self, placed: PlacedService) -> None:
        admitted = [
            b
            for b in placed.backends
            if b.backend.state is State.UP and (b.next_hop or b.backend.mode is Mode.LOCAL)
        ]
        names = [b.backend.name for b in admitted]
        weights = [b.backend.weight for b in admitted]
        size = placed.service.ring_size
        order: Sequence[int] = []
        if admitted:
            order = [int(i) for i in build_reference(names, weights, size)]
        self.numbers = [admitted[i].number for i in order]
        self.among = [b.number for b in placed.backends]

    def slot(self, hashed: int) -> int:
        """Which slot a 32-bit hash falls into."""
        return hashed * len(self.numbers) >> 32

    def same_as(self, other: Ring) -> bool:
        return (self.numbers, self.among) == (other.numbers, other.among)
