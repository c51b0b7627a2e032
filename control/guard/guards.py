"""The guards of all services: attacks are told, and what the data path does follows.

counts ─▶ Attacks ─▶ Alarm ─┐
                            ├─▶ Phase ─▶ stances.stance_of ─▶ data path
configured Guard ───────────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass

from accel.control.gateway.part import Write
from accel.control.guard.actions import GRACE, Phase, stance_of
from accel.control.guard.detector import Thresholds
from accel.control.guard.monitor import SETTLE, Attacks, Seen
from accel.control.guard.requirements import HostNeeds, uses_host
from accel.control.ports import GuardPort
from accel.control.report.watch import Attack
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import Guard, Policy
from accel.model.placement import PlacedService
from accel.model.service import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one guard stands. `since`: seconds for which it answers, lingers or sees an attack.

    `seen` is None with policy off. `quiet` is the highest total without an attack.
    """

    phase: Phase
    attack: bool
    since: float | None
    seen: Seen | None
    thresholds: Thresholds
    quiet: float


class Guards:
    """`count` is called in the event loop, `standing` anywhere, all else by one write at a time.

    `linger` is how long answers are heard after an attack, in seconds: one key period. `prefixes`
    are those that are allowed or denied.
    """

    def __init__(
        self,
        maps: GuardPort,
        prefixes: Sized,
        *,
        linger: float,
        host: HostNeeds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._maps = maps
        self._prefixes = prefixes
        self._host = host
        self._linger = linger
        self._clock = clock
        self._attacks = Attacks(clock())
        self._services: dict[int, PlacedService] = {}
        self._watched: tuple[PlacedService, ...] = ()
        self._since: dict[int, float] = {}
        self._until: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._stances: dict[int, Stance] = {}

    def resume(self, services: Iterable[PlacedService], quiet: Mapping[str, float]) -> None:
        """Before the first `sync`: what an earlier daemon was about goes on.

        `quiet`: what it had learned of each service by name.
        """
        now = self._clock()
        self._attacks.quiet.update(quiet)
        for placed in services:
            name, index = placed.service.name, placed.index
            if not self._maps.adopted:
                self._attacks.expect_strays(name, now + SETTLE)
                continue
            level = self._maps.level(index, Rule.SYN)
            if level is Level.ON:
                strays = self._maps.level(index, Rule.UNKNOWN) is Level.ON
                self._since[index] = now - GRACE if strays else now
                if placed.service.guard.policy is Policy.AUTO:
                    self._attacks.begin(name, now)
            elif level is Level.LINGER:
                self._until[index] = now + self._linger

    def quiet(self) -> dict[str, float]:
        """What was learned, of the services that there are."""
        names = {placed.service.name for placed in tuple(self._services.values())}
        return self._attacks.learned(names)

    def check(self, write: Write) -> None:
        """Raises HostError if a guard is to do what this host lacks something for."""
        before, after = write.before, write.after
        for name in write.touched & after.services.keys():
            self._host.require(
                before.services.get(name), after.services[name], after.backends[name].values()
            )

    def put(self, services: Iterable[PlacedService], removed: Iterable[int] = ()) -> int:
        """These are as they are now, and those with the indices `removed` are gone.

        What may have to answer is ready when this returns, so that no attack waits for a compiler.
        Returns how many writes to the data path that took. Raises ProgramError and HostError.
        """
        placed = list(services)
        if self._take(placed, removed):
            self._maps.prepare()
        return self._set(service.index for service in placed)

    def sync(self, services: Iterable[PlacedService]) -> int:
        """These and no others; what the data path has is not relied on. Returns how many writes."""
        placed = list(services)
        self._stances.clear()
        self._take(placed, self._services.keys() - {service.index for service in placed})
        return self._set(service.index for service in placed)

    def _take(self, services: Sequence[PlacedService], removed: Iterable[int]) -> bool:
        """Whether others are guarded now."""
        for index in removed:
            for kept in (self._services, self._since, self._until, self._due, self._stances):
                kept.pop(index, None)
        self._services.update({service.index: service for service in services})
        if any(uses_host(service.service.guard) for service in services):
            self._host.look()
        guarded = (s for s in self._services.values() if s.service.guard.policy is not Policy.OFF)
        watched = tuple(guarded)
        if watched == self._watched:
            return False
        self._watched = watched
        return bool(watched)

    def prefixes_changed(self) -> int:
        """The first was loaded, or the last one is gone; or neither. Returns how many writes."""
        return self._set(self._services)

    def look_at_host(self) -> None:
        """To be called every second: what guards go by may be set otherwise now."""
        of_host = [i for i, placed in self._services.items() if uses_host(placed.service.guard)]
        if of_host and self._host.look():
            self._set(of_host)

    def count(self) -> list[Attack]:
        """To be called every tenth of a second. Attacks that began or ended; `settle` is next."""
        watched, now = self._watched, self._clock()
        selection = self._attacks.watch(watched)
        if not watched:
            return []
        found = self._attacks.count(self._maps.counts(selection), now)
        if found:
            names = {event.service for event in found}
            self._due.update({s.index: now for s in watched if s.service.name in names})
        return found

    def due(self) -> bool:
        """Whether `settle` has anything to do."""
        now = self._clock()
        return any(now >= at for at in tuple(self._due.values()))

    def settle(self) -> int:
        """Set the stances that changed by what is going on. Returns how many writes it took."""
        now = self._clock()
        return self._set([index for index, at in tuple(self._due.items()) if now >= at])

    def standing(self, index: int, service: Service) -> Standing:
        """Of the guard of `service`, which has that index. It may be on its way here only."""
        now, guarded = self._clock(), service.guard.policy is not Policy.OFF
        alarm = self._attacks.under(service.name) if guarded else None
        since, until = self._since.get(index), self._until.get(index)
        phase, began = Phase(), alarm.since if alarm else None
        if since is not None:
            phase, began = Phase(answering=True, strays=index not in self._due), since
        elif until is not None:
            phase, began = Phase(lingering=True), until - self._linger
        return Standing(
            phase=phase,
            attack=alarm is not None,
            since=None if began is None else now - began,
            seen=self._attacks.seen(service.name) if guarded else None,
            thresholds=self._attacks.thresholds(service),
            quiet=self._attacks.quiet.get(service.name, 0.0),
        )

    def problem(self, guard: Guard) -> str:
        """Why it only monitors, where this host lacks something; else nothing."""
        return self._host.problem(guard)

    def _set(self, indices: Iterable[int]) -> int:
        now, prefixes = self._clock(), len(self._prefixes) > 0
        changed: dict[int, Stance] = {}
        for index in set(indices) & self._services.keys():
            placed = self._services[index]
            stance = stance_of(placed, self._phase(placed, now), prefixes=prefixes)
            stance = self._host.fit(stance, placed.service)
            if stance != self._stances.get(index):
                changed[index] = stance
        writes = self._maps.enforce(changed) if changed else 0
        self._stances.update(changed)
        return writes

    def _phase(self, placed: PlacedService, now: float) -> Phase:
        index, name, policy = placed.index, placed.service.name, placed.service.guard.policy
        self._due.pop(index, None)
        if policy is Policy.ALWAYS or (policy is Policy.AUTO and self._attacks.under(name)):
            self._until.pop(index, None)
            since = self._since.setdefault(index, now)
            strays_at = max(since + GRACE, self._attacks.settled_at(name, now))
            if now < strays_at:
                self._due[index] = strays_at
            return Phase(answering=True, strays=now >= strays_at)
        if self._since.pop(index, None) is not None:
            self._until[index] = now + self._linger
        if now < self._until.get(index, now):
            self._due[index] = self._until[index]
            return Phase(lingering=True)
        self._until.pop(index, None)
        return Phase()
