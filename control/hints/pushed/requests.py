"""From a request's messages to lots: what is wrong is refused entry by entry, the rest goes on.

Addresses that come packed never become Python objects; hints that come one by one do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from accel.control.hints.pushed.batches import Lot, Refusals, Step, Target, Wish
from accel.control.state.state import State
from accel.control.store.hint_rows import unpack
from accel.errors import AccelError, InvalidError, NotFoundError
from accel.model.address import parse_address
from accel.model.hints import LONGEST
from accel.model.prefix import parse_prefix
from accel.model.prefix_columns import V4

SIZE = 1 << 15  # entries that are done at once: what bounds the memory
_LOW = (1 << 64) - 1


class Reader:
    """One request at a time, as the services and backends are while it is read."""

    def __init__(self, state: State, refusals: Refusals) -> None:
        self._state = state
        self._refusals = refusals
        self._entry = 0

    def read(self, request: Any) -> Iterator[Step]:
        """ApplyHintsRequest in steps, in order."""
        for i in range(0, len(request.hints), SIZE):
            yield self._hints(request.hints[i : i + SIZE])
        yield from self._batches(request.batches)
        first = self._entry
        for i in range(0, len(request.remove), SIZE):
            yield self._removals(request.remove[i : i + SIZE], first)

    def _hints(self, messages: Iterable[Any]) -> Step:
        found = _Singles()
        targets: dict[tuple[object, ...], tuple[int, Target]] = {}
        for message in messages:
            entry, self._entry = self._entry, self._entry + 1
            path = f"hints[{entry}]"
            said = (
                *(message.service, message.backend, message.require),
                *(message.lifetime.seconds, message.lifetime.nanos),
                *(message.longest.seconds, message.longest.nanos),
            )
            try:
                if said not in targets:
                    targets[said] = self._target(message, path)
                index, target = targets[said]
                found.add(entry, path, message.client, (message.service, index, target))
            except AccelError as error:
                self._refusals.add(entry, error, _field(error, path))
        return found.step(lambda entry: f"hints[{entry}].client")

    def _removals(self, messages: Iterable[Any], first: int) -> Step:
        found = _Singles()
        for message in messages:
            entry, self._entry = self._entry, self._entry + 1
            path = f"remove[{entry - first}]"
            try:
                index = self._index(message.service)
                found.add(entry, path, message.client, (message.service, index, None))
            except AccelError as error:
                self._refusals.add(entry, error, _field(error, path))
        return found.step(lambda entry: f"remove[{entry - first}].client")

    def _batches(self, messages: Iterable[Any]) -> Iterator[Step]:
        lots: list[Lot] = []
        room = SIZE
        for i, message in enumerate(messages):
            for lot in self._batch(message, f"batches[{i}]"):
                if len(lot) > room:
                    yield Step(lots=lots)
                    lots, room = [], SIZE
                lots.append(lot)
                room -= len(lot)
        if lots:
            yield Step(lots=lots)

    def _batch(self, message: Any, path: str) -> Iterator[Lot]:
        """Its lots, each of one step at the most."""
        fields = (("ipv4", 4, message.ipv4), ("ipv6", 16, message.ipv6))
        first, counts = self._entry, [-(-len(packed) // size) for _, size, packed in fields]
        self._entry += sum(counts)
        try:
            index, target = self._target(message, path)
        except AccelError as error:
            if sum(counts):
                self._refusals.add(first, error, _field(error, path), sum(counts))
            return
        for (name, size, packed), count in zip(fields, counts, strict=True):
            begin, first = first, first + count
            if len(packed) % size:
                wrong = InvalidError(
                    name,
                    f"{len(packed)} bytes are not a multiple of {size}",
                    hint="addresses in network byte order, one behind the other",
                )
                self._refusals.add(begin, wrong, f"{path}.{name}", count)
                continue
            for at in range(0, count, SIZE):
                some = memoryview(packed)[at * size : (at + SIZE) * size]
                high, low = unpack(some, size)
                yield Lot(
                    service=message.service,
                    index=index,
                    target=target,
                    entries=np.arange(begin + at, begin + at + len(low)),
                    where=lambda entry, name=name, begin=begin: (  # type: ignore[misc]
                        f"{path}.{name}[{entry - begin}]"
                    ),
                    high=high,
                    low=low,
                )

    def _index(self, service: str) -> int:
        self._state.service(service)
        return self._state.placement.services.taken[service].number

    def _target(self, message: Any, path: str) -> tuple[int, Target]:
        """Of a Hint or a HintBatch, with the index of its service."""
        index = self._index(message.service)
        backend = self._state.backend(message.service, message.backend)
        slot = self._state.placement.backends.taken[backend.key]
        hints = self._state.services[message.service].hints
        longest = _seconds(message, "longest", LONGEST)
        lifetime = _seconds(message, "lifetime", min(hints.lifetime, longest))
        if lifetime > longest:
            raise InvalidError(
                f"{path}.lifetime",
                f"{lifetime} s are above {longest} s, which it lives at the longest",
                hint="give a longer one, or a shorter lifetime",
            )
        return index, Target(
            backend=backend.name,
            number=slot.number,
            generation=slot.generation,
            require=message.require,
            lifetime=lifetime,
            longest=longest,
        )


class _Singles:
    """Hints that come one by one, put together by what is said of them."""

    def __init__(self) -> None:
        self._lots: dict[tuple[str, int, Target | None], tuple[list[int], list[int]]] = {}
        self._wishes: list[Wish] = []

    def add(self, entry: int, path: str, client: str, of: tuple[str, int, Target | None]) -> None:
        """Raises InvalidError."""
        if "/" in client:
            network = parse_prefix(client, f"{path}.client")
            service, index, target = of
            self._wishes.append(
                Wish(
                    service=service,
                    index=index,
                    target=target,
                    entry=entry,
                    where=f"{path}.client",
                    network=network,
                )
            )
            return
        address = parse_address(client, f"{path}.client")
        value = int(address) | (V4 if address.version == 4 else 0)
        entries, values = self._lots.setdefault(of, ([], []))
        entries.append(entry)
        values.append(value)

    def step(self, where: Any) -> Step:
        """All that was added."""
        lots = [
            Lot(
                service=service,
                index=index,
                target=target,
                entries=np.array(entries, np.int64),
                where=where,
                high=np.array([v >> 64 for v in values], np.uint64),
                low=np.array([v & _LOW for v in values], np.uint64),
            )
            for (service, index, target), (entries, values) in self._lots.items()
        ]
        return Step(lots=lots, wishes=self._wishes)


def _seconds(message: Any, name: str, default: int) -> int:
    """A duration in whole seconds, rounded up."""
    if not message.HasField(name):
        return default
    given = getattr(message, name)
    seconds: int = given.seconds + (given.nanos > 0)
    if not 1 <= seconds <= LONGEST:
        raise InvalidError(
            name, f"{seconds} s is not from 1 s to {LONGEST} s", hint="a day at the longest"
        )
    return seconds


def _field(error: AccelError, path: str) -> str:
    """The path of what is wrong with the entry at `path`."""
    if isinstance(error, NotFoundError):
        return f"{path}.{error.kind}"
    field = error.field if isinstance(error, InvalidError) else ""
    return field if field.startswith(path) else f"{path}.{field}"
