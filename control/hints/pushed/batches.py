"""What a request about hints says, by the column: lots of clients of which one thing is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accel.datapath.encode import Words
from accel.errors import AccelError, InvalidError, NotFoundError
from accel.model.prefix import Network

Entries = npt.NDArray[np.int64]
ERRORS = 100  # that are told of one request


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where clients shall go, and for how many seconds."""

    backend: str
    number: int
    generation: int
    require: bool
    lifetime: int
    longest: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lot:
    """Clients of a service, by both halves of their addresses. Without a target they are removed.

    `entries` are their numbers in the request, ascending; `where` makes a field's path of one.
    """

    service: str
    index: int
    target: Target | None
    entries: Entries
    where: Callable[[int], str]
    high: Words
    low: Words

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """As a lot, for all clients of one prefix."""

    service: str
    index: int
    target: Target | None
    entry: int
    where: str
    network: Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A part of a request that is done at once: all of its lots have a target, or none."""

    lots: Sequence[Lot] = ()
    wishes: Sequence[Wish] = ()

    @property
    def sets(self) -> bool:
        """Whether all of them have a target."""
        said = self.lots[0].target if self.lots else self.wishes[0].target if self.wishes else None
        return said is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What is wrong with one entry; `reason` as in the API."""

    entry: int
    field: str
    reason: str
    message: str
    hint: str


@dataclass(kw_only=True, slots=True)
class Refusals:
    """The first of them, and how many entries there are."""

    count: int = 0
    _found: list[Refusal] = field(default_factory=list)

    def add(self, entry: int, error: AccelError, path: str, count: int = 1) -> None:
        """This entry, or `count` from it on, is wrong; `path` is its field."""
        text = error.message
        if isinstance(error, InvalidError):
            text = text.removeprefix(f"{error.field}: ")
        reason = "NOT_FOUND" if isinstance(error, NotFoundError) else "FIELD_INVALID"
        self.refuse(
            Refusal(entry=entry, field=path, reason=reason, message=text, hint=error.hint), count
        )

    def refuse(self, refusal: Refusal, count: int = 1) -> None:
        """The same, with what is to be told."""
        self.count += count
        self._found.append(refusal)
        if len(self._found) >= 2 * ERRORS:
            self._found = self.first()

    def first(self) -> list[Refusal]:
        """In the order of the entries."""
        return sorted(self._found, key=lambda refusal: refusal.entry)[:ERRORS]
