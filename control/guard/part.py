"""The guard as a part: attacks are told ten times a second, and what was learned is stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from accel.control.gateway.part import Exclusively, Part, Write
from accel.control.guard.guards import Guards
from accel.control.guard.samples import KeptSamples
from accel.control.ports import GuardPort
from accel.control.report.event_log import log_attacks
from accel.control.report.watch import Attack, Event, Hub
from accel.control.state.state import State
from accel.errors import AccelError
from accel.model.placement import PlacedService
from accel.model.service import Service

SAVE_EVERY = 60.0  # seconds

_log = logging.getLogger(__name__)


class RateStore(Protocol):
    """Where what was learned of each service is stored."""

    def quiet_rates(self) -> Mapping[str, float]: ...
    def set_quiet_rates(self, rates: Mapping[str, float], /) -> None: ...


class GuardPart(Part):
    """`hub` is given the attacks that began or ended, `state` says at which revision."""

    def __init__(
        self,
        *,
        guards: Guards,
        samples: KeptSamples,
        maps: GuardPort,
        store: RateStore,
        hub: Hub,
        state: Callable[[], State],
        exclusively: Exclusively,
    ) -> None:
        self.guards = guards
        self.samples = samples
        self._maps = maps
        self._store = store
        self._hub = hub
        self._state = state
        self._exclusively = exclusively
        self._found: Sequence[Attack] = ()
        self._saved: dict[str, float] = {}
        self._save_at = 0.0

    async def start(self, state: State) -> None:
        placed = [state.placed(name, lambda _: None) for name in state.services]
        self.guards.resume(placed, self._store.quiet_rates())
        self._save_at = time.monotonic() + SAVE_EVERY

    async def prepare(self) -> None:
        """Compiling takes a second, which no attack shall wait for."""
        try:
            await asyncio.to_thread(self._maps.prepare)
        except AccelError as error:
            _log.error("the guard cannot be loaded: %s", error)

    async def stop(self) -> None:
        self.save()

    # A write

    def check(self, write: Write) -> None:
        self.guards.check(write)

    def before(self, write: Write) -> None:
        for change in write.changes:
            if change.before is None and isinstance(change.after, Service):
                self.samples.forget(write.after.placement.services.taken[change.after.name].number)

    def carry_out(self, write: Write) -> None:
        self.guards.put(write.services, write.removed)

    def sync(self, services: Sequence[PlacedService]) -> int:
        return self.guards.sync(services)

    def adjust(self) -> int:
        return self.guards.prefixes_changed()

    # Time

    async def second(self) -> None:
        await self._exclusively(self.guards.look_at_host)

    def tick(self) -> None:
        self._found = ()
        self._found = self.guards.count()
        self.samples.tick()

    async def ticked(self) -> None:
        if self._found:
            self._tell(self._found)
        if self.guards.due():
            await self._exclusively(self.guards.settle)
        now = time.monotonic()
        if now >= self._save_at:
            self._save_at = now + SAVE_EVERY
            await self._exclusively(self.save)

    def _tell(self, attacks: Sequence[Attack]) -> None:
        log_attacks(attacks)
        revision = self._state().revision
        self._hub.publish([Event(revision=revision, attack=attack) for attack in attacks])

    def save(self) -> int:
        """Store what was learned, if it is much else than what was stored last: 1 if so."""
        learned = self.guards.quiet()
        known = self._saved
        if learned.keys() != known.keys() or any(
            abs(rate - known[name]) > 0.01 * known[name] for name, rate in learned.items()
        ):
            try:
                self._store.set_quiet_rates(learned)
                self._saved = learned
                return 1
            except AccelError as error:
                _log.error("what was learned of quiet services is not stored: %s", error)
        return 0
