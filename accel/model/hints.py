"""The hints of a service: what an operator asks for, and what the data path has of it. Pure.

A `Hints` is configured and belongs to its service; a `HintUse` is what the data path goes by at the
moment: it looks for pushed hints, and for those of prefixes, only while there are any. Numbers are
those of the API. docs/hints.md has the idea.
"""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass, field

from accel.errors import InvalidError

LONGEST = 86_400  # seconds: no hint lives for longer
LONGEST_ID = 15  # bytes of a QUIC server id
NONCES = (4, 18)  # bytes of what makes an id another one, least and greatest
LONGEST_CID = 20  # bytes of a connection id (RFC 9000 17.2), the first one included
ROTATIONS = 7  # configurations of QUIC ids; the eighth means: not routable
LARGEST_SHARD = 255
_WORDS = struct.Struct("=8B4I8B8B20xI")


class Kind(enum.IntFlag):
    """Where the data path looks for hints; the numbers are those of bpf/maps/hints.h."""

    CID = 1
    PUSHED = 2
    LEARNED = 4
    PREFIX = 8
    WARM = 16


NOTHING = Kind(0)


class Affinity(enum.IntEnum):
    """What the base choice goes by: the whole connection, the client, or its network."""

    NONE = 1
    CLIENT = 2
    PREFIX = 3


class Learn(enum.IntEnum):
    """Whose hints are learned: nobody's, of those who are not at their base choice, all."""

    OFF = 1
    EXCEPTIONS = 2
    ALL = 3


class ShardKey(enum.IntEnum):
    """What chooses the few backends of a shard."""

    NONE = 1
    SOURCE = 2
    PORT = 3
    SERVICE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """So many backends for each key; `size` says nothing while there is no key."""

    key: ShardKey = ShardKey.NONE
    size: int = 0

    def check(self, path: str) -> None:
        """Raises InvalidError that names the field below `path`."""
        least = 0 if self.key is ShardKey.NONE else 1
        if not least <= self.size <= LARGEST_SHARD:
            raise InvalidError(
                f"{path}.size",
                f"{self.size} is not from 1 to {LARGEST_SHARD}",
                hint="backends for each key",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class QuicId:
    """A form of connection ids (draft-ietf-quic-load-balancers): `rotation` is in their first three
    bits, the server's id and a nonce are behind the first byte."""

    rotation: int
    server_id_length: int
    nonce_length: int

    def __str__(self) -> str:
        """As options have it."""
        return f"{self.rotation}:{self.server_id_length}:{self.nonce_length}"

    @property
    def length(self) -> int:
        """Bytes of a connection id at the least."""
        return 1 + self.server_id_length + self.nonce_length

    def check(self, path: str) -> None:
        """Raises InvalidError that names the field below `path`."""
        for name, least, most, hint in (
            ("rotation", 0, ROTATIONS - 1, "the first three bits of an id; 7 is not routable"),
            ("server_id_length", 1, LONGEST_ID, "bytes"),
            ("nonce_length", *NONCES, "bytes behind the server id"),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidError(
                    f"{path}.{name}", f"{value} is not from {least} to {most}", hint=hint
                )
        if self.length > LONGEST_CID:
            raise InvalidError(
                f"{path}.nonce_length",
                f"{self.nonce_length} behind {self.server_id_length} bytes of a server id are "
                f"above {LONGEST_CID - 1}",
                hint=f"a connection id has {LONGEST_CID} bytes at the most, and the first is taken",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """How hints are used for a service. Times in seconds.

    `lifetime` is that of a hint after its last use, `longest` that of a learned one in any case.
    `holdout` is the share of clients in percent that hints are measured against. `bound` is how
    often its share of all new flows a backend may get in a second, 0 for any, `floor` how many it
    may get in any case. `key4` and `key6` are bits of an address that make a client. `sample` is
    the share of new flows in percent that are looked at for the report.
    """

    affinity: Affinity = Affinity.NONE
    learn: Learn = Learn.OFF
    shard: Shard = Shard()
    warm: bool = False
    key4: int = 32
    key6: int = 64
    lifetime: int = 3600
    longest: int = LONGEST
    holdout: float = 2.0
    bound: float = 1.5
    floor: int = 100
    quic: tuple[QuicId, ...] = field(default=(), metadata={"of": QuicId})
    sample: float = 1.0

    def form(self, rotation: int) -> QuicId | None:
        """That of connection ids of `rotation`."""
        return next((form for form in self.quic if form.rotation == rotation), None)

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
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidError(
                    f"{path}.{name}", f"{value} is not from {least} to {most}", hint=hint
                )
        if self.longest < self.lifetime:
            raise InvalidError(
                f"{path}.longest",
                f"{self.longest} is below the lifetime of {self.lifetime}",
                hint="give both, or a shorter lifetime",
            )
        if self.bound and not (1 < self.bound <= 1000 and math.isfinite(self.bound)):
            raise InvalidError(
                f"{path}.bound",
                f"{self.bound} is not above 1 and up to 1000",
                hint="1.5 keeps most of the affinity; 0 is no bound",
            )
        self.shard.check(f"{path}.shard")
        if self.learn is Learn.EXCEPTIONS and not self.by_client:
            raise InvalidError(
                f"{path}.learn",
                "there are no exceptions without a base choice by client",
                hint="set affinity or a shard, or learn all",
            )
        rotations: set[int] = set()
        for i, form in enumerate(self.quic):
            form.check(f"{path}.quic[{i}]")
            if form.rotation in rotations:
                raise InvalidError(
                    f"{path}.quic[{i}].rotation",
                    f"{form.rotation} stands there twice",
                    hint="one form for each rotation",
                )
            rotations.add(form.rotation)

    @property
    def by_client(self) -> bool:
        """Whether the base choice is another than that by the whole connection."""
        return self.affinity is not Affinity.NONE or self.shard.key is not ShardKey.NONE


UNHINTED = Hints()


@dataclass(frozen=True, kw_only=True, slots=True)
class HintUse:
    """What the data path goes by. `there`: of PUSHED and PREFIX those that there are hints of."""

    hints: Hints = UNHINTED
    there: Kind = NOTHING

    @property
    def kinds(self) -> Kind:
        """Where the data path looks."""
        kinds = self.there & (Kind.PUSHED | Kind.PREFIX)
        for kind, wanted in (
            (Kind.CID, bool(self.hints.quic)),
            (Kind.LEARNED, self.hints.learn is not Learn.OFF),
            (Kind.WARM, self.hints.warm),
        ):
            kinds |= kind if wanted else Kind(0)
        return kinds

    @property
    def idle(self) -> bool:
        """Whether all is as it would be without hints."""
        return not self.kinds and not self.hints.by_client

    def words(self, bounded_until: int = 0) -> tuple[int, ...]:
        """struct hints as eight words. Its enums count from 0, where the API's say: not given."""
        hints = self.hints
        ids, nonces = [0] * 8, [0] * 8
        for form in hints.quic:
            ids[form.rotation] = form.server_id_length
            nonces[form.rotation] = form.nonce_length
        key = hints.shard.key
        packed = _WORDS.pack(
            *(self.kinds, hints.affinity - 1, hints.learn - 1, key - 1),
            hints.shard.size if key is not ShardKey.NONE else 0,
            *(32 - hints.key4, 128 - hints.key6, 0),
            *(_share(hints.holdout), hints.lifetime, hints.longest, bounded_until),
            *(*ids, *nonces, _share(hints.sample)),
        )
        return struct.unpack("=8Q", packed)


def _share(percent: float) -> int:
    """What so many percent of all hashes of 32 bits are below."""
    return min(round(percent / 100 * 2**32), 2**32 - 1)


UNUSED = HintUse()
