"""The hints of a service: what an operator asks for, as the data path has it. Pure.

A `Hints` is configured and belongs to its service. Numbers are those of the API and of
bpf/hint_maps.h. docs/hints.md has the idea.
"""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass

from accel.errors import InvalidError

LONGEST = 86_400  # seconds: no hint lives for longer
LONGEST_ID = 15  # bytes of a QUIC server id
ROTATIONS = 7  # configurations of QUIC ids; the eighth means: not routable
_WORDS = struct.Struct("=8B4I8B28xI")


class Kind(enum.IntFlag):
    """Where hints are looked for."""

    CID = 1
    PUSHED = 2
    LEARNED = 4
    PREFIX = 8
    WARM = 16


class Affinity(enum.IntEnum):
    """What the base choice goes by: the whole connection, the client, or its network."""

    NONE = 0
    CLIENT = 1
    PREFIX = 2


class Learn(enum.IntEnum):
    """Whose hints are learned: nobody's, of those who are not at their base choice, all."""

    OFF = 0
    EXCEPTIONS = 1
    ALL = 2


class ShardKey(enum.IntEnum):
    """What chooses the few backends of a shard."""

    NONE = 0
    SOURCE = 1
    PORT = 2
    SERVICE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """How hints are used for a service. Times in seconds.

    `lifetime` is that of a hint after its last use, `longest` that of a learned one in any case.
    `holdout` is the share of clients in percent that hints are measured against. `bound` is how
    often its share of all new flows a backend may get in a second, 0 for any, `floor` how many it
    may get in any case. `key4` and `key6` are bits of an address that make a client. `cid_sizes`
    are the bytes of a QUIC server id by configuration rotation, 0 for none. `sample` is the share
    of new flows in percent that are looked at for the report.
    """

    pushed: bool = False
    prefixes: bool = False
    warm: bool = False
    affinity: Affinity = Affinity.NONE
    learn: Learn = Learn.OFF
    shard: ShardKey = ShardKey.NONE
    shard_size: int = 0
    key4: int = 32
    key6: int = 64
    lifetime: int = 3600
    longest: int = LONGEST
    holdout: float = 2.0
    bound: float = 1.5
    floor: int = 10
    cid_sizes: tuple[int, ...] = ()
    sample: float = 1.0

    @property
    def idle(self) -> bool:
        """Whether all is as it would be without hints."""
        return not (self.kinds or self.affinity or self.shard)

    @property
    def kinds(self) -> Kind:
        """Where the data path looks."""
        kinds = Kind(0)
        for kind, wanted in (
            (Kind.CID, any(self.cid_sizes)),
            (Kind.PUSHED, self.pushed),
            (Kind.LEARNED, self.learn is not Learn.OFF),
            (Kind.PREFIX, self.prefixes),
            (Kind.WARM, self.warm),
        ):
            kinds |= kind if wanted else Kind(0)
        return kinds

    def check(self, path: str = "hints") -> None:
        """Raises InvalidError that names the field below `path`."""
        for name, least, most, hint in (
            ("key4", 8, 32, "bits of an IPv4 address that make a client"),
            ("key6", 16, 128, "bits of an IPv6 address that make a client"),
            ("lifetime", 1, LONGEST, "seconds after the last use"),
            ("longest", 1, LONGEST, "seconds, however often a hint is used"),
            ("holdout", 0, 100, "percent of the clients"),
            ("sample", 0, 100, "percent of the new flows"),
            ("floor", 1, 1_000_000, "new flows per second that each backend may get"),
            ("shard_size", 1 if self.shard else 0, 255 if self.shard else 0, "backends"),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidError(
                    f"{path}.{name}", f"{value} is not from {least} to {most}", hint=hint
                )
        if self.longest < self.lifetime:
            raise InvalidError(
                f"{path}.longest", f"{self.longest} is below the lifetime of {self.lifetime}"
            )
        if self.bound and not (1 < self.bound <= 1000 and math.isfinite(self.bound)):
            raise InvalidError(
                f"{path}.bound",
                f"{self.bound} is not above 1 and up to 1000",
                hint="1.5 keeps most of the affinity; 0 is no bound",
            )
        if self.learn is Learn.EXCEPTIONS and not self.affinity and not self.shard:
            raise InvalidError(
                f"{path}.learn",
                "there are no exceptions without a base choice by client",
                hint="set affinity, or learn all",
            )
        self._check_cids(path)

    def _check_cids(self, path: str) -> None:
        if len(self.cid_sizes) > ROTATIONS:
            raise InvalidError(f"{path}.cid_sizes", f"there are {ROTATIONS} configurations")
        for i, size in enumerate(self.cid_sizes):
            if not 0 <= size <= LONGEST_ID:
                raise InvalidError(
                    f"{path}.cid_sizes[{i}]",
                    f"{size} is not from 0 to {LONGEST_ID}",
                    hint="bytes of a server id; 0 is no such configuration",
                )

    def words(self, bounded_until: int = 0) -> tuple[int, ...]:
        """struct hints as eight words."""
        sizes = (*self.cid_sizes, *[0] * (8 - len(self.cid_sizes)))
        packed = _WORDS.pack(
            *(self.kinds, self.affinity, self.learn, self.shard, self.shard_size),
            *(32 - self.key4, 128 - self.key6, 0),
            *(_share(self.holdout), self.lifetime, self.longest, bounded_until),
            *(*sizes, _share(self.sample)),
        )
        return struct.unpack("=8Q", packed)


def _share(percent: float) -> int:
    """What so many percent of all hashes of 32 bits are below."""
    return min(round(percent / 100 * 2**32), 2**32 - 1)


UNHINTED = Hints()
