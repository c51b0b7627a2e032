"""The lots of one step side by side, in the order of the request's entries. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accel.control.hints.pushed.batches import ERRORS, Entries, Lot, Refusal, Refusals
from accel.datapath.encode import Words
from accel.datapath.hints.table import Places
from accel.errors import CapacityError


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Clients; `at` is the position of each one's lot, `indices` are those of the services."""

    lots: Sequence[Lot]
    at: npt.NDArray[np.int64]
    entries: Entries
    indices: Words
    high: Words
    low: Words

    @classmethod
    def of(cls, lots: Sequence[Lot]) -> Columns:
        """All that is in them."""
        counts = np.array([len(lot) for lot in lots], np.int64)
        empty = np.empty(0, np.uint64)
        columns = cls(
            lots=lots,
            at=np.repeat(np.arange(len(lots)), counts),
            entries=np.concatenate([np.empty(0, np.int64), *(lot.entries for lot in lots)]),
            indices=np.repeat(np.array([lot.index for lot in lots], np.uint64), counts),
            high=np.concatenate([empty, *(lot.high for lot in lots)]),
            low=np.concatenate([empty, *(lot.low for lot in lots)]),
        )
        if (np.diff(columns.entries) >= 0).all():
            return columns
        return columns.take(np.argsort(columns.entries, kind="stable"))

    def __len__(self) -> int:
        return len(self.entries)

    def take(self, which: Places) -> Columns:
        """Some of them."""
        return replace(
            self,
            at=self.at[which],
            entries=self.entries[which],
            indices=self.indices[which],
            high=self.high[which],
            low=self.low[which],
        )

    def by_lot(self) -> list[tuple[Lot, Words, Words]]:
        """Each lot with both halves of the addresses that are of it; without the empty ones."""
        if len(self.lots) == 1:
            return [(self.lots[0], self.high, self.low)] if len(self) else []
        order = np.argsort(self.at, kind="stable")
        bounds = np.searchsorted(self.at[order], np.arange(len(self.lots) + 1))
        parts = [order[bounds[i] : bounds[i + 1]] for i in range(len(self.lots))]
        return [
            (lot, self.high[part], self.low[part])
            for lot, part in zip(self.lots, parts, strict=True)
            if len(part)
        ]

    def refuse(self, positions: Places, why: Why, refusals: Refusals) -> None:
        """For want of room. The first ones are named, all of them are counted."""
        for i in positions[:ERRORS].tolist():
            entry = int(self.entries[i])
            refusals.refuse(why.of(entry, self.lots[int(self.at[i])].where(entry)))
        refusals.count += max(0, len(positions) - ERRORS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """Why hints are too many."""

    reason: str
    message: str
    hint: str

    def of(self, entry: int, field: str) -> Refusal:
        """Said of one."""
        return Refusal(
            entry=entry, field=field, reason=self.reason, message=self.message, hint=self.hint
        )


def full(limit: int, what: str = "hints") -> Why:
    """The map has no more room."""
    error = CapacityError(what, needed=limit + 1, limit=limit, option="--max-hints")
    return Why(reason="CAPACITY", message=error.message, hint=error.hint)


def caller_full(name: str, limit: int) -> Why:
    """A caller has no more room."""
    return Why(
        reason="QUOTA",
        message=f"caller {name!r} has its {limit} hints",
        hint="remove some, or raise --hints-per-caller of acceld",
    )


def service_full(limit: int) -> Why:
    """A service has no more room."""
    return Why(
        reason="QUOTA",
        message=f"the service has its {limit} hints",
        hint="remove some, or raise --hints-per-service of acceld",
    )
