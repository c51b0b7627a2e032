"""Ten times a second: keys roll, attacks are told, samples are read. In the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from accel.control.guard.guards import Guards
from accel.control.guard.keys import KeyRing
from accel.control.guard.monitor import Attack
from accel.control.guard.samples import KeptSamples
from accel.control.hints.reports import HintReports
from accel.control.needs import DataPath
from accel.errors import AccelError

TICK = 0.1  # seconds
GREATEST_SHARE = 0.1  # of the time that may go into ticks: they are rarer where they are dear
LONGEST_PAUSE = 0.5  # seconds, however dear they are
SAVE_EVERY = 60.0  # seconds

_log = logging.getLogger(__name__)
Exclusively = Callable[[Callable[[], int]], Awaitable[int]]


class GuardTicker:
    """`exclusively` does something while nothing is written; `tell` is given what began or ended.

    `save` is given what was learned, by service.
    """

    def __init__(
        self,
        *,
        guards: Guards,
        samples: KeptSamples,
        reports: HintReports,
        keys: KeyRing,
        data_path: DataPath,
        exclusively: Exclusively,
        tell: Callable[[Sequence[Attack]], None],
        save: Callable[[Mapping[str, float]], None],
    ) -> None:
        self._guards = guards
        self._samples = samples
        self._reports = reports
        self._keys = keys
        self._data_path = data_path
        self._exclusively = exclusively
        self._tell = tell
        self._save = save
        self._saved: dict[str, float] = {}

    async def prepare(self) -> None:
        """Beside all else: compiling takes a second, which no attack shall wait for."""
        try:
            await asyncio.to_thread(self._data_path.prepare_guard)
        except AccelError as error:
            _log.error("the guard cannot be loaded: %s", error)

    async def run(self) -> None:
        """For ever."""
        save_at = time.monotonic() + SAVE_EVERY
        while True:
            began, spent = time.monotonic(), 0.0
            try:
                at = time.thread_time()
                self._keys.roll(self._data_path)
                attacks = self._guards.count()
                self._samples.tick()
                self._reports.tick()
                spent = time.thread_time() - at
                if attacks:
                    self._tell(attacks)
                if self._guards.due():
                    await self._exclusively(self._guards.settle)
                if began >= save_at:
                    save_at = began + SAVE_EVERY
                    await self._exclusively(self.save)
            except AccelError as error:
                _log.error("%s; trying again", error)
            except Exception:  # a bug of ours: the next tick may be better
                _log.exception("an error inside acceld")
            rest = max(TICK - (time.monotonic() - began), spent / GREATEST_SHARE)
            await asyncio.sleep(min(rest, max(TICK, LONGEST_PAUSE)))

    def save(self) -> int:
        """Store what was learned, if it is much else than what was stored last: 1 if so."""
        learned = self._guards.quiet()
        known = self._saved
        if learned.keys() != known.keys() or any(
            abs(rate - known[name]) > 0.01 * known[name] for name, rate in learned.items()
        ):
            try:
                self._save(learned)
                self._saved = learned
                return 1
            except AccelError as error:
                _log.error("what was learned of quiet services is not stored: %s", error)
        return 0
