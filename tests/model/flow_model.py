"""The reference model's flow cache: buckets of eight, by two hashes of a connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accel.model.placement import PlacedBackend
from tests.model.hash_model import mixed, multilinear

WAYS, LIFETIME = 8, 8  # epochs


@dataclass(slots=True)
class Flow:
    """One flow in a bucket: whose it is, and the epoch of its last packet.

    `spoken` and `settled` are about learning hints: whether it has said something, or enough.
    """

    tag: int
    number: int
    generation: int
    epoch: int
    confirmed: bool = False
    spoken: bool = False
    settled: bool = False


Bucket = list[Flow | None]


class FlowCache:
    """`keys` are the 14 words of the flow key, `buckets` a power of two."""

    def __init__(self, keys: Sequence[int], buckets: int) -> None:
        self._tag_key, self._bucket_key = keys[:7], keys[7:]
        self._buckets: list[Bucket] = [[None] * WAYS for _ in range(buckets)]
        self.epoch = 0

    def __iter__(self) -> Iterator[Flow]:
        return (flow for bucket in self._buckets for flow in bucket if flow)

    def place(self, client: bytes, ports: tuple[bytes, bytes], index: int) -> tuple[Bucket, int]:
        """The bucket and the tag of a connection."""
        at = mixed(multilinear(self._bucket_key, client, ports, index))
        tag = multilinear(self._tag_key, client, ports, index)
        return self._buckets[at % len(self._buckets)], tag

    def next_epoch(self) -> None:
        """Flows that were idle for longer than their lifetime are gone."""
        self.epoch += 1
        for bucket in self._buckets:
            for way, flow in enumerate(bucket):
                if flow and self.epoch - flow.epoch > LIFETIME:
                    bucket[way] = None

    def store(
        self, bucket: Bucket, tag: int, backend: PlacedBackend, *, settled: bool = False
    ) -> None:
        """In place of its own, else in a free one, else of the oldest, the unconfirmed before the
        confirmed; from its home way on."""
        ways = [(tag + i) % WAYS for i in range(WAYS)]

        def precedence(way: int) -> tuple[bool, bool, bool, int]:
            flow = bucket[way]
            if flow is None:
                return (False, True, False, 0)
            return (flow.tag == tag, False, not flow.confirmed, self.epoch - flow.epoch)

        bucket[max(ways, key=precedence)] = Flow(
            tag, backend.number, backend.generation, self.epoch, settled=settled
        )
