"""What the guard of a service does now, as the data path has it.

Under policy `auto` it changes with the traffic (accel.control.guard decides). Numbers are those of
bpf/maps/guard.h. Pure: nothing here touches a map.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from accel.datapath.guard.local_cookies import Option
from accel.ebpf.source import read_constants
from accel.model.guard import GuardMode, Rate

_CLOCK_SHIFT = read_constants("lib/clock.h")["CLOCK_SHIFT"]
_STANCE = struct.Struct("=8B2B2H2B12I")


class Level(enum.IntEnum):
    """What a rule does now: nothing, only note, refuse. LINGER is for SYNs, after an attack."""

    OFF = 0
    MONITOR = 1
    ON = 2
    LINGER = 3


class Rule(enum.IntEnum):
    """What is checked."""

    SYN = 0
    UNKNOWN = 1
    PREFIX = 2
    FLAGS = 3
    FRAGMENT = 4
    SYN_RATE = 5
    UDP_RATE = 6
    ICMP_RATE = 7


def rate_words(rate: Rate, ticks_per_second: int) -> tuple[int, int]:
    """struct rate: both in units of the guard's clock, the burst at least two ticks long."""
    if not rate.per_second:
        return 0, 0
    each = max(1, (ticks_per_second << _CLOCK_SHIFT) // rate.per_second)
    burst = each * (rate.burst or rate.per_second)
    return each, max(burst, 2 << _CLOCK_SHIFT) - each


@dataclass(frozen=True, kw_only=True, slots=True)
class Stance:
    """What the guard of a service does now; `mss` by IP version, what cookies announce."""

    mode: GuardMode = GuardMode.AUTH
    levels: Mapping[Rule, Level] = field(default_factory=dict)
    rates: tuple[Rate, ...] = (Rate(),) * 6  # of enum rate_of
    wscale: int = 7
    mss: Mapping[int, int] = field(default_factory=lambda: {4: 1460, 6: 1440})
    options: Option = Option.NONE  # of cookie-local: what this host keeps

    @property
    def idle(self) -> bool:
        """Whether packets need not be looked at at all."""
        return not any(self.levels.values())

    def words(self, ticks_per_second: int) -> tuple[int, ...]:
        """struct guard as eight words."""
        levels = (int(self.levels.get(rule, Level.OFF)) for rule in Rule)
        rates = (word for rate in self.rates for word in rate_words(rate, ticks_per_second))
        cookies = (self.mode, self.wscale, self.mss[4], self.mss[6], self.options, 0)
        packed = _STANCE.pack(*levels, *cookies, *rates)
        return struct.unpack("=8Q", packed)


OFF = Stance()
