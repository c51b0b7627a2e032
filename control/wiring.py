"""Which parts the daemon has, in their order, and the gRPC services that go with them.

A part is added by one line of PARTS. docs/parts.md says what the order is for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from accel.control.api import gateway, guard, hints, prefixes
from accel.control.api import keys as key_servicer
from accel.control.api.gateway import Servicer
from accel.control.api.guard import GuardServicer
from accel.control.api.hints import HintServicer
from accel.control.api.keys import KeyServicer
from accel.control.api.prefixes import PrefixServicer
from accel.control.api.served import Served
from accel.control.gateway.gateway import Gateway
from accel.control.gateway.interfaces import Interfaces
from accel.control.gateway.part import Part
from accel.control.gateway.steering import Steering
from accel.control.gateway.writer import Writer
from accel.control.guard.guards import Guards
from accel.control.guard.keys import KeyRing, Keys
from accel.control.guard.part import GuardPart
from accel.control.guard.requirements import HostNeeds
from accel.control.guard.samples import KeptSamples
from accel.control.hints.part import HintsPart
from accel.control.hints.pushed.put_plan import Quotas
from accel.control.hints.pushed.service import HintBook
from accel.control.hints.reports import HintReports
from accel.control.hints.settings import Hinting
from accel.control.ports import DataPath, MakeFollower
from accel.control.prefixes.book import PrefixBook
from accel.control.store.database import Store
from accel.control.store.hint_log import HintStore
from accel.control.store.prefixes import PrefixStore


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the daemon was told at its start. The clocks and the host are for tests.

    `clock` is in seconds, `wall` in seconds since 1970.
    """

    interfaces: Sequence[str] = ()
    xdp_mode: str = "auto"
    keys: KeyRing = field(default_factory=KeyRing)
    quotas: Quotas = field(default_factory=Quotas)
    host: HostNeeds = field(default_factory=HostNeeds)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass(frozen=True, kw_only=True)
class Base:
    """What parts are made of."""

    store: Store
    data_path: DataPath
    writer: Writer
    settings: Settings


@dataclass(frozen=True)
class Wired:
    """A part, and the services that go with it."""

    part: Part
    serves: tuple[Served, ...] = ()


Maker = Callable[[Base], Wired]


def _next_hops(base: Base) -> Wired:
    return Wired(base.writer.hops)


def _keys(base: Base) -> Wired:
    ring = base.settings.keys
    serves = key_servicer.served(KeyServicer(ring, base.writer.hub))
    return Wired(Keys(ring, base.data_path.guards), (serves,))


def _prefixes(base: Base) -> Wired:
    book = PrefixBook(
        store=PrefixStore(base.store.path),
        table=base.data_path.prefixes,
        adjusting=base.writer.adjusting,
    )
    return Wired(book, (prefixes.served(PrefixServicer(book, base.writer.tasks)),))


def _steering(base: Base) -> Wired:
    return Wired(Steering(base.data_path.steering, base.writer.exclusively))


def _guard(base: Base) -> Wired:
    maps, writer, settings = base.data_path.guards, base.writer, base.settings
    guards = Guards(
        maps,
        base.data_path.prefixes,
        linger=settings.keys.period,
        host=settings.host,
        clock=settings.clock,
    )
    samples = KeptSamples(maps, settings.clock)
    part = GuardPart(
        guards=guards,
        samples=samples,
        maps=maps,
        store=base.store,
        hub=writer.hub,
        state=lambda: writer.state,
        exclusively=writer.exclusively,
    )
    answers = GuardServicer(
        guards=guards,
        samples=samples,
        counters=base.data_path.counters,
        state=lambda: writer.state,
    )
    return Wired(part, (guard.served(answers),))


def _hints(base: Base) -> Wired:
    maps, writer, settings = base.data_path.hints, base.writer, base.settings
    reports = HintReports(maps, settings.clock)
    hinting = Hinting(base.data_path.hint_settings, maps, reports)
    book = HintBook(
        store=HintStore(base.store.path),
        pushed=maps.pushed,
        limits=base.data_path.limits,
        quotas=settings.quotas,
        state=lambda: writer.state,
        exclusively=writer.exclusively,
        ask=hinting.ask,
        prepare=base.data_path.hint_settings.prepare,
        clock=settings.wall,
    )
    part = HintsPart(book, hinting, reports)
    answers = HintServicer(writer=writer, hints=part, maps=maps)
    return Wired(part, (hints.served(answers),))


def _interfaces(base: Base) -> Wired:
    data_path, writer = base.data_path, base.writer
    part = Interfaces(
        base.store,
        data_path.interfaces,
        writer.exclusively,
        new=base.settings.interfaces,
        xdp_mode=base.settings.xdp_mode,
    )
    answers = Servicer(
        writer=writer,
        interfaces=part,
        counters=data_path.counters,
        flows=data_path.flows,
        packets=data_path,
        status=data_path,
    )
    return Wired(part, (gateway.served(answers),))


PARTS: tuple[Maker, ...] = (
    _next_hops,
    _keys,
    _prefixes,
    _steering,
    _guard,
    _hints,
    _interfaces,
)
"""In the order in which they start, take part in writes, and stop."""


def wire(
    *,
    store: Store,
    data_path: DataPath,
    make_follower: MakeFollower,
    settings: Settings | None = None,
    parts: Iterable[Maker] = PARTS,
) -> tuple[Gateway, list[Served]]:
    """A gateway made of `parts`, and what it serves."""
    settings = settings or Settings()
    writer = Writer(
        store=store,
        limits=data_path.limits,
        make_follower=make_follower,
        clock=settings.clock,
    )
    base = Base(store=store, data_path=data_path, writer=writer, settings=settings)
    wired = [make(base) for make in parts]
    return Gateway(writer, [w.part for w in wired]), [s for w in wired for s in w.serves]
