"""A few clients of two services with hints, and what happens meanwhile: for properties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_address
from random import Random

from scapy.all import IP, TCP, UDP

from accel.model.backend import State
from accel.model.hints import HintUse, Kind
from accel.model.placement import PlacedBackend, PlacedService
from accel.model.service import Protocol, Service
from tests.model.gateway_model import GatewayModel
from tests.model.guard_model import GuardModel
from tests.model.hints.hint_model import HintModel
from tests.support.hints.hint_scenarios import Pass, Push, Second, Use, Warm, advice_for, hint_use
from tests.support.packets.packets import LINK
from tests.support.packets.pair import Epoch, Event, Hinted, Place, Settled
from tests.support.packets.rig import GUARD_KEYS
from tests.support.packets.world import API4, RING_SIZE, World

CLIENTS = [f"198.51.100.{n}" for n in range(1, 7)]
PORTS = (40000, 40001, 40002)
FLAGS = ("S", "S", "A", "A", "PA", "PA")
STEPS = 160


@dataclass(frozen=True)
class Packet:
    """One of a flow, which is told from others by what it has in common with it."""

    service: int
    client: str
    port: int
    flags: str  # none for UDP
    data: bytes

    @property
    def flow(self) -> tuple[int, str, int]:
        return self.service, self.client, self.port

    @property
    def opens(self) -> bool:
        return self.flags in ("", "S")

    def frame(self, service: Service) -> bytes:
        """As it comes in."""
        return _frame(self, str(service.address), service.port)


@cache
def _frame(packet: Packet, address: str, port: int) -> bytes:
    ports = {"sport": packet.port, "dport": port}
    upper = TCP(**ports, flags=packet.flags) if packet.flags else UDP(**ports)
    return bytes(LINK / IP(src=packet.client, dst=address) / upper / packet.data)


def services() -> list[PlacedService]:
    """Three backends each, of one that is TCP and one that is UDP."""
    return list(_services())


@cache
def _services() -> tuple[PlacedService, ...]:
    world = World()
    placed = []
    for index, protocol in enumerate(Protocol, 1):
        like = world.services[f"pool-{protocol.name.lower()}4"]
        service = Service(
            name=f"s{index}",
            address=ip_address(API4),
            port=443,
            protocol=protocol,
            ring_size=RING_SIZE,
        )
        own = tuple(
            replace(b, backend=replace(b.backend, service=service.name), number=4 * index + n)
            for n, b in enumerate(like.backends)
        )
        placed.append(PlacedService(service=service, index=index, backends=own))
    return tuple(placed)


def stream(random: Random) -> Iterator[Event | Packet]:
    """What happens, in turn."""
    placed = services()
    uses = {p.index: hint_use(random) for p in placed}
    yield Place(placed)
    yield from (Hinted(Use(index, use)) for index, use in uses.items())
    for _ in range(STEPS):
        if random.random() < 0.75:
            yield _packet(placed, random)
            continue
        event = _event(placed, uses, random)
        if isinstance(event, Place):
            placed = event.services
        yield event


def _packet(placed: list[PlacedService], random: Random) -> Packet:
    of = random.choice([*placed[:1] * 3, *placed[1:]])
    tcp = of.service.protocol is Protocol.TCP
    flags = random.choice(FLAGS) if tcp else ""
    data = b"data" if flags in ("", "PA") else b""
    return Packet(of.index, random.choice(CLIENTS), random.choice(PORTS), flags, data)


def _event(placed: list[PlacedService], uses: dict[int, HintUse], random: Random) -> Event:
    chance = random.random()
    of = random.choice(placed)
    numbers = [b.number for b in of.backends]
    if chance < 0.35:
        at = placed.index(of)
        return Place([*placed[:at], _changed(of, random), *placed[at + 1 :]])
    if chance < 0.7 and uses[of.index].there & Kind.PUSHED:
        client = ip_address(random.choice(CLIENTS))
        return Hinted(Push(index=of.index, client=client, **advice_for(numbers, random)))
    if chance < 0.75:
        return Hinted(Warm({random.choice(numbers): random.randrange(6)}))
    if chance < 0.85:
        return Hinted(Second())
    if chance < 0.93:
        return Hinted(Pass(1))
    return random.choice((Epoch(), Settled()))


def _changed(placed: PlacedService, random: Random) -> PlacedService:
    """A backend comes up, drains or is down, or is another one."""
    which = random.randrange(len(placed.backends))
    before = placed.backends[which]
    state = random.choice((State.UP, State.UP, State.DRAIN, State.DOWN))
    now: PlacedBackend = replace(before, backend=replace(before.backend, state=state))
    if random.random() < 0.15:
        now = replace(now, generation=(now.generation + 1) % 256)
    return replace(placed, backends=(*placed.backends[:which], now, *placed.backends[which + 1 :]))


def unhinted() -> GatewayModel:
    """A gateway without hints."""
    keys = list(range(1, 15))
    return GatewayModel(
        keys=keys,
        buckets=1 << 12,
        guard=GuardModel(keys=GUARD_KEYS.challenge, cookie_keys=GUARD_KEYS.cookie, each=1),
        hints=HintModel(keys=keys, buckets=8),
    )
