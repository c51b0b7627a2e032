"""Hints as the rows have them: a service with three backends, clients, flows that open and talk."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

import numpy as np

from accel.datapath.hints.values import Seen
from accel.model.hints import Hints, HintUse, Kind, QuicId, Shard, ShardKey
from accel.model.prefix import Network
from accel.model.quic import ServerId
from tests.support.packets.of_clients import OfClients
from tests.support.packets.packets import tcp, udp
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT4, WAYS

POOL = WAYS["pool"]
TCP4, TCP6, UDP4, OTHER = "pool-tcp4", "pool-tcp6", "pool-udp4", "ipip4-tcp4"
PLAIN = Hints(holdout=0, bound=0)


def shard(key: ShardKey, size: int) -> Shard:
    return Shard(key=key, size=size)


def quic(size: int, rotation: int = 0, nonce: int = 4) -> QuicId:
    """A form of connection ids."""
    return QuicId(rotation=rotation, server_id_length=size, nonce_length=nonce)


def syn(client: str = CLIENT4, port: int = 40001, data: bytes = b"") -> bytes:
    return _written(_version(client), "S", data).frame(client, port)


def ack(client: str = CLIENT4, port: int = 40001, data: bytes = b"") -> bytes:
    return _written(_version(client), "A", data).frame(client, port)


def datagram(client: str = CLIENT4, port: int = 40001, data: bytes = b"x") -> bytes:
    return _written(_version(client), "", data).frame(client, port)


@lru_cache(maxsize=64)
def _written(version: int, flags: str, data: bytes) -> OfClients:
    """With these TCP flags; without any, over UDP."""
    header = tcp(POOL.port, flags) if flags else udp(POOL.port)
    return OfClients(version, header / data)


def _version(client: str) -> int:
    return 6 if ":" in client else 4


def nth(number: int) -> str:
    """One of many clients."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Hinted:
    """A rig whose services have hints."""

    def __init__(self, rig: Rig, service: str = TCP4) -> None:
        self.rig = rig
        self.hints = rig.datapath.hints
        self.service = service

    @property
    def index(self) -> int:
        return self.rig.world.services[self.service].index

    @property
    def numbers(self) -> list[int]:
        return self.rig.world.numbers(self.service)

    def use(self, hints: Hints = PLAIN, *, there: Kind = Kind.PUSHED, **changes: object) -> None:
        """From now on hints are used so; `there` are those of PUSHED and PREFIX."""
        hints = replace(hints, **changes)  # type: ignore[arg-type]
        hints.check()
        self.rig.datapath.hint_settings.set({self.index: HintUse(hints=hints, there=there)})

    def set_ids(self, number: int, *ids: bytes, rotation: int = 0) -> None:
        """These server ids are of that backend; others are nobody's."""
        of = {ServerId(rotation=rotation, id=each): number for each in ids}
        self.hints.set_server_ids({self.index: of})

    def push(self, number: int, *clients: str, **more: object) -> None:
        """These clients are to go to that backend."""
        given = {"lifetime": 1000, **more}
        of = map(ip_address, clients or (CLIENT4,))
        self.rig.hint_writer.put(self.index, of, number, **given)

    def push_prefix(self, number: int, network: Network, **more: object) -> None:
        """All clients of a prefix are to go to that backend."""
        given = {"lifetime": 1000, **more}
        self.rig.hint_writer.put_prefix(self.index, network, number, **given)

    def remove(self, client: str | Network = CLIENT4) -> int:
        """What was pushed for a client or a prefix is to go; how many hints that were."""
        of = ip_address(client) if isinstance(client, str) else client
        return self.rig.hint_writer.remove(self.index, [of])

    def chosen(self, frame: bytes) -> tuple[int, str]:
        """The backend that a packet would go to now, and what decides it."""
        outcome = self.rig.trace(frame)
        return outcome.backend, outcome.hint.name if outcome.hint else ""

    def went(self, frame: bytes) -> int:
        """Where a packet went, from the counts of the backends."""
        before = self._packets()
        self.rig.count(frame)
        after = self._packets()
        return next((n for n in self.numbers if after[n] != before[n]), 0)

    def _packets(self) -> dict[int, int]:
        counts = self.rig.datapath.counters.backend
        return {n: sum(packets for packets, _ in counts(n).values()) for n in self.numbers}

    def connect(self, client: str = CLIENT4, port: int = 40001) -> int:
        """A connection is opened, over TCP; where it went."""
        first = self.went(syn(client, port))
        assert self.went(ack(client, port)) == first, "SYN and ACK went different ways"
        return first

    def talk(self, client: str = CLIENT4, port: int = 40001) -> int:
        """A connection is opened and says something twice."""
        number = self.connect(client, port)
        for _ in range(2):
            assert self.went(ack(client, port, b"data")) == number
        return number

    def outcomes(self) -> dict[str, int]:
        """New flows by what decided, without those that are 0."""
        counted = self.hints.counts(self.index).outcomes
        return {o.name: count for o, count in counted.items() if count}

    def seen(self, kind: Kind = Kind.LEARNED, client: str = CLIENT4) -> Seen | None:
        """A client's hint as the data path has it."""
        return self.hints.find(self.index, ip_address(client)).get(kind)

    def set_times(self, name: str, until: int, end: int = 1 << 31) -> None:
        """All hints of a map end then, in seconds from now; `end` if they are used."""
        now = self.hints.now()
        rows = self.rig.words(name).reshape(-1, 2)
        there = rows[:, 0] != 0
        pairs = np.array([[now + until, min(now + end, (1 << 32) - 1)]], np.uint32)
        rows[there, 1] = pairs.view(np.uint64)[0, 0]
