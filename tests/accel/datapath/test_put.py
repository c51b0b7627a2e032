"""A change of some services leaves the maps as if all had been written anew."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest

from accel.model.backend import State
from accel.model.placement import PlacedBackend, PlacedService
from tests.support.packets.rig import Rig
from tests.support.packets.world import World

STEPS = 25


def moved(random: Random, services: dict[int, PlacedService]) -> set[int]:
    """Some of what a write may do: indices that were touched. Numbers and keys change hands."""
    one, other = random.sample(sorted(services), 2)
    a, b = services[one], services[other]
    match random.randrange(7):
        case 0:
            services[one] = replace(a, backends=b.backends)
            services[other] = replace(b, backends=a.backends)
        case 1:
            services[one] = replace(a, backends=a.backends + b.backends)
            services[other] = replace(b, backends=())
        case 2:
            services[one] = replace(a, service=b.service)
            services[other] = replace(b, service=a.service)
        case 3:
            address = ip_address(f"198.51.100.{random.randrange(1, 255)}")
            services[one] = replace(a, service=replace(a.service, address=address))
        case 4:
            services[one] = replace(a, backends=a.backends[1:])
        case 5:
            services[one] = replace(a, backends=tuple(map(renewed, a.backends)))
        case 6 if len(services) > 3:
            services[other] = replace(b, backends=a.backends)
            del services[one]
    return {one, other}


def renewed(placed: PlacedBackend) -> PlacedBackend:
    state = State.DRAIN if placed.backend.state is State.UP else State.UP
    return replace(
        placed,
        backend=replace(placed.backend, state=state),
        generation=(placed.generation + 1) % 256,
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_is_put_is_all_that_differs(rig: Rig, seed: int) -> None:
    random = Random(seed)
    services = {s.index: s for s in World().services.values()}
    spare = dict(services)
    for _ in range(STEPS):
        touched: set[int] = set()
        for _ in range(random.randint(1, 3)):
            touched |= moved(random, services)
        if len(services) < len(spare) // 2:
            # All come back, some with the indices of those that went.
            touched |= services.keys() | spare.keys()
            services = dict(spare)
        put = [services[i] for i in touched if i in services]
        rig.datapath.steering.put(put, [i for i in touched if i not in services])
        assert rig.datapath.steering.sync(list(services.values())) == 0
    rig.place()


def test_nothing_is_written_for_what_is_so_already(rig: Rig) -> None:
    assert rig.datapath.steering.put(list(World().services.values())) == 0
    assert rig.datapath.steering.put([], [60]) == 0
