"""What the differential test does with hints: events that happen to the program and to the model.

Longest lifetimes are below eight seconds, of which no eighth is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from random import Random
from typing import Any, Protocol

from accel.model.address import Address
from accel.model.hints import (
    NOTHING,
    Affinity,
    Hints,
    HintUse,
    Kind,
    Learn,
    QuicId,
    Shard,
    ShardKey,
)
from accel.model.placement import PlacedService
from accel.model.quic import ServerId
from tests.model.hints.hint_model import HintModel, Network
from tests.model.traffic import CLIENTS
from tests.support.packets.rig import Rig

NETWORKS = ("198.51.100.0/24", "198.51.0.0/16", "198.51.100.1/32",
            "2001:db8:c::/48", "2001:db8::/32", "2001:db8:c::1/128")  # fmt: skip
FORMS = (
    QuicId(rotation=0, server_id_length=1, nonce_length=4),
    QuicId(rotation=2, server_id_length=8, nonce_length=5),
    QuicId(rotation=6, server_id_length=15, nonce_length=4),
)
SWEEPS = 64  # after which all of the table has been swept


class HintEvent(Protocol):
    """Something that happens to both."""

    def happen(self, rig: Rig, model: HintModel) -> None:
        """Make it so."""


@dataclass(frozen=True)
class Use:
    """From now on a service uses hints so."""

    index: int
    use: HintUse

    def happen(self, rig: Rig, model: HintModel) -> None:
        rig.datapath.hint_settings.set({self.index: self.use})
        model.use(self.index, self.use.hints, self.use.there)


@dataclass(frozen=True, kw_only=True)
class Push:
    """A hint of a client."""

    index: int
    client: Address
    number: int
    lifetime: int
    longest: int
    require: bool

    def happen(self, rig: Rig, model: HintModel) -> None:
        rig.hint_writer.put(
            self.index, [self.client], self.number,
            lifetime=self.lifetime, longest=self.longest, require=self.require,
        )  # fmt: skip
        model.push(self.index, self.client.packed, self.number, self.lifetime, self.longest,
                   require=self.require)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PushPrefix:
    """A hint of a prefix."""

    index: int
    network: Network
    number: int
    lifetime: int
    longest: int
    require: bool

    def happen(self, rig: Rig, model: HintModel) -> None:
        rig.hint_writer.put_prefix(
            self.index, self.network, self.number,
            lifetime=self.lifetime, longest=self.longest, require=self.require,
        )  # fmt: skip
        model.push_prefix(self.index, self.network, self.number, self.lifetime, self.longest,
                          require=self.require)  # fmt: skip


@dataclass(frozen=True)
class Own:
    """Server ids, by rotation, are of these backends."""

    index: int
    ids: Mapping[tuple[int, bytes], int]

    def happen(self, rig: Rig, model: HintModel) -> None:
        ids = {ServerId(rotation=r, id=each): number for (r, each), number in self.ids.items()}
        rig.datapath.hints.set_server_ids({self.index: ids})
        model.own(self.index, self.ids)


@dataclass(frozen=True)
class Warm:
    """Backends say how many warm connections they have."""

    budgets: Mapping[int, int]

    def happen(self, rig: Rig, model: HintModel) -> None:
        rig.datapath.hints.set_warmth(self.budgets)
        model.warm(self.budgets)


@dataclass(frozen=True)
class Second:
    """What user space does once a second, and then no more pushed hint is past its time."""

    def happen(self, rig: Rig, model: HintModel) -> None:
        hints = rig.datapath.hints
        hints.second(rig.datapath.entries.placed)
        for _ in range(SWEEPS):
            hints.pushed.table.sweep(hints.now())
        model.second()


@dataclass(frozen=True)
class Pass:
    """Seconds pass."""

    seconds: int

    def happen(self, rig: Rig, model: HintModel) -> None:
        rig.hint_time.pass_by(self.seconds)
        model.now += self.seconds


def hint_events(services: Sequence[PlacedService], random: Random) -> list[HintEvent]:
    """How each service uses hints from now on, and some hints."""
    events: list[HintEvent] = []
    for placed in services:
        use = hint_use(random)
        events.append(Use(placed.index, use))
        if not placed.backends:
            continue
        numbers = [b.number for b in placed.backends]
        for client in CLIENTS[placed.service.address.version][:3]:
            if use.there & Kind.PUSHED and random.random() < 0.7:
                advice = advice_for(numbers, random)
                events.append(Push(index=placed.index, client=client, **advice))
        if use.there & Kind.PREFIX:
            networks = [ip_network(n) for n in random.sample(NETWORKS, 3)]
            events += [
                PushPrefix(index=placed.index, network=n, **advice_for(numbers, random))
                for n in networks
                if n.version == placed.service.address.version
            ]
        ids = {(f.rotation, server_id(f, i)): n for f in FORMS for i, n in enumerate(numbers)}
        events.append(Own(placed.index, {k: n for k, n in ids.items() if random.random() < 0.8}))
    events += [Second()] * random.randrange(2)
    return events


def between(services: Sequence[PlacedService], random: Random) -> HintEvent:
    """Something that happens while packets come."""
    numbers = [b.number for placed in services for b in placed.backends]
    chance = random.random()
    if chance < 0.4:
        return Pass(random.choice((1, 1, 2, 3, 5)))
    if chance < 0.6 or not numbers:
        return Second()
    some = random.sample(numbers, len(numbers) // 2 + 1)
    return Warm({number: random.randrange(6) for number in some})


def hint_use(random: Random) -> HintUse:
    """Any; a fifth of them none."""
    if random.random() < 0.2:
        return HintUse(hints=Hints(sample=0))
    shard = Shard()
    if random.random() < 0.3:
        shard = Shard(key=random.choice(list(ShardKey)[1:]), size=random.choice((1, 2, 3)))
    affinity = random.choice(list(Affinity))
    by_client = affinity is not Affinity.NONE or shard.key is not ShardKey.NONE
    learns = [Learn.OFF, Learn.ALL, Learn.ALL, *([Learn.EXCEPTIONS] if by_client else [])]
    lifetime = random.choice((1, 2, 4, 7))
    hints = Hints(
        affinity=affinity,
        learn=random.choice(learns),
        shard=shard,
        warm=random.random() < 0.4,
        key4=random.choice((32, 32, 31, 24)),
        key6=random.choice((64, 64, 128, 48)),
        lifetime=lifetime,
        longest=random.choice([n for n in (1, 2, 5, 7) if n >= lifetime]),
        holdout=random.choice((0, 0, 0, 20, 50)),
        bound=random.choice((0, 1.01, 1.01)),  # as little as there may be: it is met now and then
        floor=random.choice((1, 1, 1, 2)),
        quic=tuple(f for f in FORMS if random.random() < 0.5),
        sample=0,
    )
    hints.check()
    there = NOTHING
    for kind in (Kind.PUSHED, Kind.PREFIX):
        there |= kind if random.random() < 0.5 else NOTHING
    return HintUse(hints=hints, there=there)


def server_id(form: QuicId, which: int) -> bytes:
    """One of the ids of a form."""
    return bytes([which + 1]) * form.server_id_length


def connection_ids() -> list[bytes]:
    """Ids that clients may have got."""
    return [
        bytes([form.rotation << 5 | form.length - 1]) + server_id(form, which) + bytes(5)
        for form in FORMS
        for which in range(6)
    ]


def advice_for(numbers: Sequence[int], random: Random) -> dict[str, Any]:
    """What a hint says, and for how long."""
    lifetime = random.choice((1, 3, 6))
    return {
        "number": random.choice(numbers),
        "lifetime": lifetime,
        "longest": lifetime + random.choice((0, 2, 100)),
        "require": random.random() < 0.3,
    }
