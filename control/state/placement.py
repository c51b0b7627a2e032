"""Which number of a map each object has. Pure.

A number that is given back is the last to be given out again, and comes with another generation:
by then nothing in the flow cache is likely to remember it, and what does is told by the generation.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from accel.errors import CapacityError
from accel.model.placement import Limits

K = TypeVar("K", bound=Hashable)

GENERATIONS = 256  # a byte in the maps


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A number, 1 up, and how often (modulo 256) it has been given out."""

    number: int
    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool(Generic[K]):
    """The numbers of one map: who has which, and which were given back."""

    taken: Mapping[K, Slot] = field(default_factory=dict)
    freed: Mapping[int, int] = field(default_factory=dict)
    """Number to its last generation, the one given back longest ago first."""
    used: int = 0
    """The highest number that was ever given out."""

    def change(
        self, *, release: Collection[K], take: Collection[K], limit: int, what: str, option: str
    ) -> Pool[K]:
        """Give back the numbers of `release`, then one below `limit` to each of `take`, in order.

        Numbers never used come first, then those given back longest ago; those of `release` itself
        come last. A key in both gets another number if there is one, and another generation in
        any case. Raises CapacityError naming `what` and the daemon's `option`.
        """
        taken = dict(self.taken)
        freed = dict(self.freed)
        for key in release:
            slot = taken.pop(key)
            freed[slot.number] = slot.generation
        needed = len(taken) + len(take)
        if take and needed > limit - 1:
            raise CapacityError(what, needed=needed, limit=limit - 1, option=option)
        fresh = range(self.used + 1, min(limit, self.used + 1 + len(take)))
        again = list(islice((n for n in freed if n < limit), len(take) - len(fresh)))
        for key, number in zip(take, (*fresh, *again), strict=True):
            generation = (freed.pop(number, 0) + 1) % GENERATIONS
            taken[key] = Slot(number=number, generation=generation)
        return Pool(taken=taken, freed=freed, used=max(self.used, self.used + len(fresh)))

    def beyond(self, limit: int) -> list[K]:
        """The keys whose number does not fit below `limit`."""
        return [key for key, slot in self.taken.items() if slot.number >= limit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """The numbers of all services and backends. A backend's key is its service's name and its own.

    A service's number is called its index; its generation goes into no map.
    """

    services: Pool[str] = field(default_factory=Pool)
    backends: Pool[tuple[str, str]] = field(default_factory=Pool)

    def change(
        self,
        limits: Limits,
        *,
        release_services: Collection[str] = (),
        take_services: Collection[str] = (),
        release_backends: Collection[tuple[str, str]] = (),
        take_backends: Collection[tuple[str, str]] = (),
    ) -> Placement:
        """Both pools changed, or CapacityError. A pool that nothing happens to stays the same."""
        services, backends = self.services, self.backends
        if release_services or take_services:
            services = services.change(
                release=release_services,
                take=take_services,
                limit=limits.services,
                what="services",
                option="--max-services",
            )
        if release_backends or take_backends:
            backends = backends.change(
                release=release_backends,
                take=take_backends,
                limit=limits.backends,
                what="backends",
                option="--max-backends",
            )
        return Placement(services=services, backends=backends)

    def fit(self, limits: Limits) -> Placement:
        """Renumber what a former daemon with greater limits had placed beyond these."""
        services = self.services.beyond(limits.services)
        backends = self.backends.beyond(limits.backends)
        return self.change(
            limits,
            release_services=services,
            take_services=services,
            release_backends=backends,
            take_backends=backends,
        )


def pool_of(taken: Mapping[K, Slot], freed: Iterable[tuple[int, int]]) -> Pool[K]:
    """A pool read back from storage; `freed` are numbers and generations, oldest first."""
    given_back = dict(freed)
    numbers = [slot.number for slot in taken.values()]
    return Pool(taken=taken, freed=given_back, used=max((0, *numbers, *given_back)))
