"""Hints as they are shown: by the column, with the names that they had at that moment."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.control.hints.pushed.ownership import numbers_of
from accel.control.hints.pushed.prefix_entries import PrefixHint
from accel.datapath.encode import Words
from accel.datapath.layout import CONSTANTS

PART = 1000  # hints in one message of a stream
_REQUIRE = CONSTANTS["HINT_REQUIRE"]
_V4 = 0xFFFF


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One hint. `left` is in seconds."""

    service: str
    client: str
    backend: str
    require: bool
    caller: str
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """Hints of clients, and then of prefixes.

    `names` has service and backend of each number, `callers` are named by `called`.
    """

    high: Words
    low: Words
    words: Words
    left: npt.NDArray[np.int64]
    callers: npt.NDArray[np.int64]
    names: Mapping[int, tuple[str, str]]
    called: Mapping[int, str]
    prefixes: tuple[Line, ...] = ()

    def __len__(self) -> int:
        return len(self.words) + len(self.prefixes)

    def of_service(self, service: str) -> Shown:
        """Those of one service."""
        numbers = [number for number, (name, _) in self.names.items() if name == service]
        chosen = np.flatnonzero(np.isin(numbers_of(self.words), numbers))
        return self._take(chosen, tuple(p for p in self.prefixes if p.service == service))

    def parts(self) -> Iterator[Shown]:
        """The same in parts that fit a message."""
        for i in range(0, len(self.words), PART):
            yield self._take(slice(i, i + PART), ())
        for i in range(0, len(self.prefixes), PART):
            yield self._take(slice(0), self.prefixes[i : i + PART])

    def lines(self) -> Iterator[Line]:
        """One by one."""
        for high, low, word, left, caller in zip(
            self.high.tolist(),
            self.low.tolist(),
            self.words.tolist(),
            self.left.tolist(),
            self.callers.tolist(),
            strict=True,
        ):
            service, backend = self.names.get(word >> 12 & 0x1FFFF, ("", ""))
            yield Line(
                service=service,
                client=text_of(high, low),
                backend=backend,
                require=bool(word & _REQUIRE),
                caller=self.called.get(caller, ""),
                left=left,
            )
        yield from self.prefixes

    def _take(self, which: npt.NDArray[np.int64] | slice, prefixes: tuple[Line, ...]) -> Shown:
        return Shown(
            high=self.high[which],
            low=self.low[which],
            words=self.words[which],
            left=self.left[which],
            callers=self.callers[which],
            names=self.names,
            called=self.called,
            prefixes=prefixes,
        )


def prefix_line(hint: PrefixHint, name: tuple[str, str], now: int) -> Line:
    """Of a prefix: service and backend are its `name`."""
    return Line(
        service=name[0],
        client=str(hint.network),
        backend=name[1],
        require=hint.whose.require,
        caller=hint.whose.caller,
        left=max(0, hint.until - now),
    )


def text_of(high: int, low: int) -> str:
    """An address from its halves."""
    if not high and low >> 32 == _V4:
        return socket.inet_ntop(socket.AF_INET, (low & 0xFFFFFFFF).to_bytes(4, "big"))
    return socket.inet_ntop(socket.AF_INET6, (high << 64 | low).to_bytes(16, "big"))
