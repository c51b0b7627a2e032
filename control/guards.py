"""What the guards of services do now: a Stance for each, from what is configured and is going on.

policy   quiet     attack            after it, for one key period
off      OFF
monitor  MONITOR
auto     OFF       ON (strays 1 s    LINGER
always   ON         later)           LINGER, once it is not always any more
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from accel.control.guard_needs import HostNeeds, uses_host
from accel.control.needs import DataPath
from accel.guard import Guard, GuardLevel, Level, Policy, Rule, SourceRate, Stance
from accel.model import Mode
from accel.placed import PlacedService

GRACE = 1.0  # seconds that handshakes under way have before strays are refused
_DEFAULT_MTU = 1500
_TCP4, _TCP6 = 40, 60  # bytes of the headers of IP and TCP
_UDP = 8
_IP = {4: 20, 6: 40}


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """How a guard stands: `answering` SYNs, refusing `strays` as well, or hearing late answers."""

    answering: bool = False
    strays: bool = False
    lingering: bool = False


def stance_of(placed: PlacedService, phase: Phase, *, prefixes: bool = False) -> Stance:
    """What the data path is to do; `prefixes`: whether any is loaded."""
    guard = placed.service.guard

    def now(level: GuardLevel) -> Level:
        if level is GuardLevel.ATTACK and guard.policy is Policy.MONITOR:
            return Level.MONITOR
        if level is GuardLevel.ATTACK:
            return Level.ON if phase.answering else Level.OFF
        return {GuardLevel.MONITOR: Level.MONITOR, GuardLevel.ON: Level.ON}.get(level, Level.OFF)

    strays = now(guard.unknown)
    if guard.unknown is GuardLevel.ATTACK and phase.answering and not phase.strays:
        strays = Level.OFF
    mss = least_mtu(placed)
    rates = (guard.syn_rate, guard.udp_rate, guard.icmp_rate)
    return Stance(
        mode=guard.mode,
        levels={
            Rule.SYN: _syn_level(guard, phase),
            Rule.UNKNOWN: strays,
            Rule.PREFIX: now(guard.prefixes) if prefixes else Level.OFF,
            Rule.FLAGS: now(guard.flags),
            Rule.FRAGMENT: now(guard.fragments),
            Rule.SYN_RATE: _rate_level(guard.syn_rate, now),
            Rule.UDP_RATE: _rate_level(guard.udp_rate, now),
            Rule.ICMP_RATE: _rate_level(guard.icmp_rate, now),
        },
        rates=tuple(each for rate in rates for each in (rate.source, rate.prefix)),
        mss={4: mss - _TCP4, 6: mss - _TCP6},
    )


def _syn_level(guard: Guard, phase: Phase) -> Level:
    if phase.answering:
        return Level.ON
    if phase.lingering:
        return Level.LINGER
    return Level.MONITOR if guard.policy is Policy.MONITOR else Level.OFF


def _rate_level(rate: SourceRate, now: Callable[[GuardLevel], Level]) -> Level:
    """A rate that limits nothing needs no looking at."""
    return now(rate.level) if rate.source.per_second or rate.prefix.per_second else Level.OFF


def least_mtu(placed: PlacedService) -> int:
    """Bytes of the largest packet of a client that fits on the way to every backend."""
    fits = [
        hop.mtu - _overhead(b.backend.mode, b.backend.address.version)
        for b in placed.backends
        if (hop := b.next_hop) is not None
    ]
    return max(
        min(fits, default=_DEFAULT_MTU), 1280 if placed.service.address.version == 6 else 576
    )


def _overhead(mode: Mode, version: int) -> int:
    """Bytes that a backend's mode puts around a packet; `version` is that of its address."""
    if mode in (Mode.LOCAL, Mode.L2DSR):
        return 0
    return _IP[version] + (_UDP if mode is Mode.GUE else 0)


class Guards:
    """The stance of each service in the data path. Its user sees to it that calls do not overlap.

    `linger` is how long answers are heard after an attack, in seconds: one key period.
    """

    def __init__(
        self,
        data_path: DataPath,
        *,
        linger: float,
        host: HostNeeds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data_path = data_path
        self._host = host
        self._linger = linger
        self._clock = clock
        self._services: dict[int, PlacedService] = {}
        self._attacked: set[int] = set()
        self._since: dict[int, float] = {}
        self._until: dict[int, float] = {}
        self._stances: dict[int, Stance] = {}

    def put(self, services: Iterable[PlacedService], removed: Iterable[int] = ()) -> int:
        """These are as they are now, and those with the indices `removed` are gone.

        Returns how many writes to the data path that took.
        """
        for index in removed:
            for kept in (self._services, self._since, self._until, self._stances):
                kept.pop(index, None)
            self._attacked.discard(index)
        placed = {service.index: service for service in services}
        self._services.update(placed)
        if any(uses_host(service.service.guard) for service in placed.values()):
            self._host.look()
        return self._set(placed)

    def sync(self, services: Iterable[PlacedService]) -> int:
        """These and no others; what the data path has is not relied on. Returns how many writes."""
        placed = {service.index: service for service in services}
        self._stances.clear()
        return self.put(placed.values(), self._services.keys() - placed.keys())

    @property
    def moving(self) -> bool:
        """Whether `tick` has anything to do."""
        return bool(self._since or self._until)

    def tick(self) -> None:
        """To be called every tenth of a second: phases go on."""
        self._set(self._since.keys() | self._until.keys())

    def look_at_host(self) -> None:
        """To be called every second: what guards go by may be set otherwise now."""
        of_host = [i for i, placed in self._services.items() if uses_host(placed.service.guard)]
        if of_host and self._host.look():
            self._set(of_host)

    def _set(self, indices: Iterable[int]) -> int:
        now = self._clock()
        changed: dict[int, Stance] = {}
        for index in set(indices):
            placed = self._services[index]
            phase = self._phase(index, placed.service.guard.policy, now)
            stance = self._host.fit(stance_of(placed, phase))
            if stance != self._stances.get(index):
                changed[index] = stance
        writes = self._data_path.set_stances(changed) if changed else 0
        self._stances.update(changed)
        return writes

    def _phase(self, index: int, policy: Policy, now: float) -> Phase:
        if policy is Policy.ALWAYS or (policy is Policy.AUTO and index in self._attacked):
            self._until.pop(index, None)
            since = self._since.setdefault(index, now)
            return Phase(answering=True, strays=now >= since + GRACE)
        if self._since.pop(index, None) is not None:
            self._until[index] = now + self._linger
        if now < self._until.get(index, now):
            return Phase(lingering=True)
        self._until.pop(index, None)
        return Phase()
