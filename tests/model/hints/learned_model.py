"""The reference model's hints: how long they live, and the table of those that are learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.model.hints.client_model import table_hash

WAYS = 4


@dataclass(slots=True)
class Advice:
    """A hint. It ends at `until`, unless it is used, and at `end` in any case."""

    number: int
    generation: int
    until: float
    end: float
    require: bool = False

    def is_alive(self, now: float) -> bool:
        """Not in the second that it ends in."""
        return now < self.until and now < self.end

    def prolong(self, now: float, lifetime: int) -> None:
        """Its client has come."""
        self.until = max(self.until, min(now + lifetime, self.end))


@dataclass(slots=True)
class Learned:
    """A place of the table: whose hint is there, and whether that client came again."""

    tag: int
    advice: Advice
    returned: bool = False


class LearnedTable:
    """Buckets of four. `keys` are the words of the flow key, `buckets` a power of two."""

    def __init__(self, keys: Sequence[int], buckets: int) -> None:
        self._keys = keys
        self._buckets: list[list[Learned | None]] = [[None] * WAYS for _ in range(buckets)]

    def find(self, client: int, index: int) -> Advice | None:
        """A client's hint, past its time or not."""
        bucket, tag = self._place(client, index)
        return next((x.advice for x in bucket if x and x.tag == tag), None)

    def put(self, client: int, index: int, advice: Advice, now: float, lifetime: int) -> bool:
        """What a client has shown. Whether that is new: not that its hint lives on."""
        bucket, tag = self._place(client, index)
        known = next((x for x in bucket if x and x.tag == tag), None)
        if known:
            known.returned = True
            before = known.advice
            same = (before.number, before.generation) == (advice.number, advice.generation)
            if same and before.is_alive(now):
                before.prolong(now, lifetime)
                return False
            known.advice = advice
            return True

        def precedence(way: int) -> tuple[bool, bool, bool, float]:
            there = bucket[way]
            if there is None:
                return (True, False, False, 0)
            if now >= there.advice.until:
                return (False, True, False, 0)
            return (False, False, not there.returned, -there.advice.until)

        bucket[max(range(WAYS), key=precedence)] = Learned(tag, advice)
        return True

    def forget(self, numbers: set[int]) -> None:
        """Hints that lead to one of these numbers are gone."""
        for bucket in self._buckets:
            for way, there in enumerate(bucket):
                if there and there.advice.number in numbers:
                    bucket[way] = None

    def __iter__(self) -> Iterator[Advice]:
        return (there.advice for bucket in self._buckets for there in bucket if there)

    def __len__(self) -> int:
        return sum(there is not None for bucket in self._buckets for there in bucket)

    def _place(self, client: int, index: int) -> tuple[list[Learned | None], int]:
        place, tag = table_hash(self._keys, client, index)
        return self._buckets[place % len(self._buckets)], tag
