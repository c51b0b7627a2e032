"""The guard of a service: what an operator asks for. Pure.

Numbers are those of the API.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from accel.errors import InvalidError

GREATEST_RATE = 1_000_000  # packets per second: one unit of the guard's clock is about 1 us
GREATEST_BURST_SECONDS = 60  # far from where the guard's clock wraps: 17 minutes at 1000 ticks
DEFAULT_ON_RATE = 10_000  # packets per second
GREATEST_ATTACK_RATE = 1_000_000_000
LONGEST_HOLD = 86_400  # seconds


class GuardMode(enum.IntEnum):
    """How a SYN is answered under attack."""

    AUTH = 1
    COOKIE_BACKEND = 2
    COOKIE_LOCAL = 3
    RETRANSMIT = 4

    @property
    def label(self) -> str:
        """As people write it."""
        return self.name.lower().replace("_", "-")


class Policy(enum.IntEnum):
    """When the guard of a service answers SYNs."""

    OFF = 1
    MONITOR = 2
    AUTO = 3
    ALWAYS = 4


class GuardLevel(enum.IntEnum):
    """When a check refuses: never, never but count, while SYNs are being answered, always."""

    OFF = 1
    MONITOR = 2
    ATTACK = 3
    ON = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A token bucket: packets per second, and how many at once. 0 per second: no limit."""

    per_second: int = 0
    burst: int = 0

    def check(self, path: str) -> None:
        """Raises InvalidError that names the field below `path`."""
        if not 0 <= self.per_second <= GREATEST_RATE:
            raise InvalidError(
                f"{path}.per_second",
                f"{self.per_second} is not from 0 to {GREATEST_RATE}",
                hint="0 is no limit",
            )
        most = max(1, self.per_second) * GREATEST_BURST_SECONDS
        if not 0 <= self.burst <= most:
            raise InvalidError(
                f"{path}.burst",
                f"{self.burst} is not from 0 to {most}",
                hint=f"at the most what {GREATEST_BURST_SECONDS} seconds bring; 0 is one second's",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRate:
    """The rates of a source (IPv4 /32, IPv6 /64) and of its prefix (/24, /48)."""

    level: GuardLevel = GuardLevel.OFF
    source: Rate = Rate()
    prefix: Rate = Rate()

    def check(self, path: str) -> None:
        """Raises InvalidError that names the field below `path`."""
        self.source.check(f"{path}.source")
        self.prefix.check(f"{path}.prefix")


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What a service is kept safe by. Rates of attack in packets per second, `hold` in seconds.

    `on_rate` and `off_rate` are of SYNs and strays that no real client stands behind; 0 is the
    default, or what was learned. `hold` is how long an attack must have been over.
    """

    mode: GuardMode = GuardMode.AUTH
    policy: Policy = Policy.OFF
    on_rate: int = 0
    off_rate: int = 0
    hold: int = 30
    prefixes: GuardLevel = GuardLevel.ON
    flags: GuardLevel = GuardLevel.ATTACK
    fragments: GuardLevel = GuardLevel.ATTACK
    unknown: GuardLevel = GuardLevel.ATTACK
    syn_rate: SourceRate = SourceRate(level=GuardLevel.ATTACK)
    udp_rate: SourceRate = SourceRate()
    icmp_rate: SourceRate = SourceRate()

    def check(self, path: str = "guard") -> None:
        """Raises InvalidError that names the field below `path`."""
        for name in ("on_rate", "off_rate"):
            if not 0 <= getattr(self, name) <= GREATEST_ATTACK_RATE:
                raise InvalidError(
                    f"{path}.{name}",
                    f"{getattr(self, name)} is not from 0 to {GREATEST_ATTACK_RATE}",
                    hint="packets per second; 0 is what was learned, or the default",
                )
        if self.off_rate and self.off_rate >= (self.on_rate or DEFAULT_ON_RATE):
            raise InvalidError(
                f"{path}.off_rate",
                f"{self.off_rate} is not below the on_rate of {self.on_rate or DEFAULT_ON_RATE}",
                hint="leave it out for a fifth of that",
            )
        if not 1 <= self.hold <= LONGEST_HOLD:
            raise InvalidError(
                f"{path}.hold",
                f"{self.hold} is not from 1 to {LONGEST_HOLD}",
                hint="seconds for which an attack must have been over",
            )
        if self.unknown is GuardLevel.ON:
            raise InvalidError(
                f"{path}.unknown",
                "on would refuse every new connection: while SYNs go through unanswered, "
                "the ACK behind one is of no known flow",
                hint="say attack: refused for as long as SYNs are answered",
            )
        for name in ("syn_rate", "udp_rate", "icmp_rate"):
            getattr(self, name).check(f"{path}.{name}")


UNGUARDED = Guard()
