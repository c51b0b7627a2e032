"""Hints in memory: HintSettingsPort and HintMapsPort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from accel.datapath.hints.admission import Candidate
from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.pushed import Pushed
from accel.datapath.hints.table import HintTable
from accel.datapath.hints.values import HintCounts, Standing
from accel.datapath.layout import defines
from accel.datapath.samples import HINT_SAMPLE, Samples
from accel.model.address import Address
from accel.model.hints import UNUSED, HintUse
from accel.model.placement import Limits
from accel.model.quic import ServerId


class FakeHintSettings:
    """How services use hints, by index."""

    def __init__(self) -> None:
        self.uses: dict[int, HintUse] = {}

    def prepare(self) -> None:
        """Nothing to compile."""

    def set(self, uses: Mapping[int, HintUse], /) -> int:
        changed = {i: use for i, use in uses.items() if use != self.uses.get(i, UNUSED)}
        self.uses.update(changed)
        return len(changed)


class FakeHints:
    """Maps in memory, a clock that stands still; and as it was told: server ids by the service's
    index, warm budgets by the backend's number."""

    def __init__(self, limits: Limits) -> None:
        self.server_ids: dict[int, dict[ServerId, int]] = {}
        self.warmth: dict[int, int] = {}
        self.known: dict[tuple[int, Address], list[Candidate]] = {}
        self.held: set[Address] = set()
        self.decided: Counter[HintOutcome] = Counter()
        self.samples = np.zeros(0, HINT_SAMPLE)
        self.now = 5000
        words = 8 * defines(limits)["HINT_BUCKETS"]
        flow_keys = np.arange(1, 15, dtype=np.uint64).reshape(2, 7) * np.uint64(0x9E3779B97F4A7C15)
        self.prefixes = FakePrefixMap()
        self.pushed = Pushed(
            table=HintTable(np.zeros(words, np.uint64), limits.hints),
            keys=ClientKeys(flow_keys, limits.services),
            prefixes=self.prefixes,  # type: ignore[arg-type]  # dict.get has a default
            now=lambda: self.now,
        )

    def sweep(self) -> None:
        """What the real maps do each second."""
        self.pushed.table.sweep(self.now)

    def read_samples(self) -> Samples:
        taken, self.samples = self.samples, np.zeros(0, HINT_SAMPLE)
        return taken

    def set_server_ids(self, ids: Mapping[int, Mapping[ServerId, int]], /) -> int:
        before = {index: self.server_ids.pop(index, {}) for index in ids}
        self.server_ids.update({index: dict(of) for index, of in ids.items() if of})
        return sum(len(before[index].items() ^ of.items()) for index, of in ids.items())

    def candidates(self, index: int, client: Address, /) -> list[Candidate]:
        return self.known.get((index, client), [])

    def held_out(self, index: int, client: Address, /) -> bool:
        return client in self.held

    def counts(self, index: int, /) -> HintCounts:
        outcomes = {outcome: index * self.decided[outcome] for outcome in HintOutcome}
        return HintCounts(outcomes=outcomes, learned=3, refreshed=2, unlearned=1)

    def learned_per_backend(self) -> list[int]:
        return [100 * number for number in range(1000)]

    def standings(self, index: int, numbers: Sequence[int], /) -> list[Standing]:
        return [
            Standing(flows=n, limit=10 if n % 2 else None, warm=self.warmth.get(n)) for n in numbers
        ]

    def set_warmth(self, budgets: Mapping[int, int], /) -> None:
        self.warmth.update(budgets)


class FakePrefixMap(dict[bytes, bytes]):
    """As the kernel's, but that a key is found by itself alone."""

    def put(self, key: bytes, value: bytes, /) -> None:
        self[key] = value

    def remove(self, key: bytes, /) -> bool:
        return self.pop(key, None) is not None
