"""What the guard of a service does: its Stance, from what is configured and is going on. Pure.

policy   quiet     attack            after it, for one key period
off      OFF
monitor  MONITOR
auto     OFF       ON (strays 1 s    LINGER
always   ON         later)           LINGER, once it is not always any more
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.backend import Mode
from accel.model.guard import Guard, GuardLevel, Policy, SourceRate
from accel.model.placement import PlacedService

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
