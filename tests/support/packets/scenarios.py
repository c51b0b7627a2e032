"""What the differential test draws: services with backends, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from random import Random

from hypothesis import strategies as st

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.backend import Backend, Mode, State
from accel.model.guard import GuardMode, Rate
from accel.model.placement import NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service
from tests.model.guard_model import Network
from tests.support.packets.world import mac

ADDRESSES = [ip_address(a) for a in ("192.0.2.10", "192.0.2.20", "2001:db8:a::10", "2001:db8::")]
PORTS = (0, 80, 443, 8443)
RING_SIZES = (251, 257, 509)
MTUS = {4: (600, 1400, 1500, 9000), 6: (1400, 1500, 9000)}
BACKEND = {4: ip_address("10.0.0.1"), 6: ip_address("fd00::1")}
SOURCE = {4: ip_address("10.0.0.254"), 6: ip_address("fd00::fe")}
STATES = (State.UP, State.UP, State.UP, State.DRAIN, State.DOWN)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """So many packets of a seed, and the change (of a seed too) that comes before them."""

    change: int
    traffic: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Services as they are at first, and what happens."""

    services: list[PlacedService]
    phases: list[Phase]


@st.composite
def backends(draw: st.DrawFn, service: Service, first: int) -> tuple[PlacedBackend, ...]:
    """Up to six, of any mode and state."""
    return tuple(
        PlacedBackend(
            backend=Backend(
                service=service.name,
                name=f"b{number}",
                address=BACKEND[version := draw(st.sampled_from((4, 6)))],
                weight=draw(st.sampled_from((1, 100, 65535))),
                mode=draw(st.sampled_from(Mode)),
                gue_port=draw(st.sampled_from((6080, 1, 65535))),
                state=draw(st.sampled_from(STATES)),
            ),
            number=number,
            generation=draw(st.integers(0, 255)),
            next_hop=draw(next_hops(service.address.version, version))
            if draw(st.sampled_from(range(8))) < 7
            else None,
        )
        for number in range(first, first + draw(st.sampled_from((2, 3, 4, 5, 6, 1, 0))))
    )


def next_hops(client: int, version: int) -> st.SearchStrategy[NextHop]:
    """Ways out for packets of one IP version in headers of another."""
    return st.builds(
        NextHop,
        ifindex=st.sampled_from((1, 7, 7)),
        interface=st.just("out"),
        mac=st.just(mac("02:00:00:00:00:b1")),
        source_mac=st.just(mac("02:00:00:00:00:02")),
        mtu=st.sampled_from(MTUS[6 if 6 in (client, version) else 4]),
        vlan=st.sampled_from((0, 0, 1, 4094)),
        source=st.just(SOURCE[version]),
    )


@st.composite
def scenarios(draw: st.DrawFn, phases: int) -> Scenario:
    """Up to six services."""
    keys = st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PORTS), st.sampled_from(Protocol))
    placed: list[PlacedService] = []
    for index, key in enumerate(draw(st.lists(keys, min_size=1, max_size=6, unique=True)), 1):
        service = Service(
            name=f"s{index}",
            address=key[0],
            port=key[1],
            protocol=key[2],
            ring_size=draw(st.sampled_from(RING_SIZES)),
        )
        own = draw(backends(service, 6 * index))
        placed.append(PlacedService(service=service, index=index, backends=own))
    seed = st.integers(0, 2**64 - 1)
    steps = st.builds(Phase, change=seed, traffic=seed)
    happens = draw(st.lists(steps, min_size=phases, max_size=phases))
    return Scenario(services=placed, phases=happens)


def changed(services: list[PlacedService], random: Random) -> list[PlacedService]:
    """One thing is different: a backend's state, next hop or generation, or who is there."""
    present = [at for at, placed in enumerate(services) if placed.backends]
    if not present:
        return services
    at = random.choice(present)
    placed = services[at]
    which = random.randrange(len(placed.backends))
    before = placed.backends[which]
    changes: tuple[Callable[[], PlacedBackend | None], ...] = (
        lambda: replace(before, backend=replace(before.backend, state=random.choice(STATES))),
        lambda: replace(before, backend=replace(before.backend, state=State.DRAIN)),
        lambda: replace(before, backend=replace(before.backend, weight=random.randrange(1, 500))),
        lambda: replace(before, backend=replace(before.backend, state=State.UP, weight=1000)),
        lambda: replace(before, generation=(before.generation + 1) % 256),
        lambda: replace(before, next_hop=None),
        lambda: None,
    )
    now = random.choice(changes)()
    left = placed.backends[:which] + ((now,) if now else ()) + placed.backends[which + 1 :]
    return [*services[:at], replace(placed, backends=left), *services[at + 1 :]]


LEVELS = (Level.OFF, Level.MONITOR, Level.ON, Level.ON)
BURSTS = (0, 1, 2, 3, 5, 8)


def stances(services: list[PlacedService], random: Random) -> dict[int, Stance]:
    """What each service's guard does from now on; a third of them nothing."""
    return {placed.index: stance(random) for placed in services if random.random() < 0.67}


def stance(random: Random) -> Stance:
    """Any levels, and rates of one packet per second."""
    levels = {rule: random.choice(LEVELS) for rule in Rule}
    if random.random() < 0.1:
        levels[Rule.SYN] = Level.LINGER
    bursts = [random.choice(BURSTS) for _ in range(6)]
    return Stance(
        mode=random.choice((GuardMode.AUTH, GuardMode.RETRANSMIT, GuardMode.COOKIE_BACKEND)),
        mss={4: random.choice((1460, 8960)), 6: 1440},
        levels=levels,
        rates=tuple(Rate(per_second=burst and 1, burst=burst) for burst in bursts),
    )


PREFIXES = (
    *("198.51.100.0/24", "198.51.100.0/30", "198.51.100.2/32", "198.51.101.0/24", "198.0.0.0/8"),
    *("2001:db8:c::/48", "2001:db8:c::2/128", "2001:db8:c:1::/64", "2001:db8::/32", "2000::/3"),
)


def prefixes(random: Random) -> list[tuple[Network, bool]]:
    """What is allowed and, the second, whether it is denied; mostly nothing."""
    if random.random() < 0.6:
        return []
    return [(ip_network(p), random.random() < 0.6) for p in random.sample(PREFIXES, 3)]
