"""The invariants of hints that take two gateways, or two programs: I5 to I7."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accel.datapath.datapath import DataPath
from accel.model.hints import UNHINTED, Affinity, Hints, HintUse, Kind, ShardKey
from accel.model.placement import PlacedService
from accel.model.service import Protocol
from tests.model.gateway_model import GatewayModel
from tests.model.hints.client_model import base_hash, is_held_out
from tests.model.ring_model import Ring
from tests.model.traffic import Traffic
from tests.support.hints.hint_stream import Packet, services, stream, unhinted
from tests.support.hints.hint_writer import HintWriter
from tests.support.hints.hinting import TCP4, Hinted, nth, shard, syn
from tests.support.packets.pair import Event, Pair, Place
from tests.support.packets.pair import Hinted as HintsChange
from tests.support.packets.rig import GUARD_KEYS, LIMITS, Rig
from tests.support.packets.scenarios import Scenario, scenarios
from tests.support.packets.world import World

FLOWS = 100_000
PLAIN = replace(UNHINTED, bound=0, sample=0, holdout=10)
CONFIGURATIONS = (
    replace(PLAIN, affinity=Affinity.CLIENT),
    replace(PLAIN, affinity=Affinity.PREFIX, key4=28),
    replace(PLAIN, shard=shard(ShardKey.SOURCE, 2)),
    replace(PLAIN, shard=shard(ShardKey.PORT, 1), holdout=0),
    replace(PLAIN, holdout=50),
)
LEARNED_FROM = 1 << 30  # of a flow's word: nothing more is to be learned of it
FOREIGN = "ipip4-tcp4"  # another service's backends
shared = settings(
    deadline=None,
    max_examples=15,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def second() -> Iterator[DataPath]:
    """Another gateway with the same services."""
    datapath = DataPath.open(None, replace(LIMITS, flows=512))
    datapath.steering.sync(list(World().services.values()))
    yield datapath
    datapath.close()


@pytest.mark.timeout(600)
def test_i5_gateways_agree_for_100_000_flows(rig: Rig, second: DataPath) -> None:
    """They share a configuration and what was pushed, but no state and no secret."""
    first = Hinted(rig)
    assert (rig.settings[1:15] != second._maps.words("settings")[1:15]).all()
    ring = Ring(rig.world.services[TCP4])
    random = Random(5)
    seen: set[str] = set()
    writers = {rig.datapath: rig.hint_writer, second: HintWriter(second)}
    for hints in CONFIGURATIONS:
        use = {first.index: HintUse(hints=hints, there=Kind.PUSHED)}
        pushed = [ip_address(nth(i)) for i in range(0, 500, 3)]
        for gateway, writer in writers.items():
            gateway.hint_settings.set(use)
            for i, number in enumerate(first.numbers):
                writer.put(first.index, pushed[i::3], number, lifetime=1000)
        for _ in range(FLOWS // len(CONFIGURATIONS)):
            client, port = random.randrange(2000), random.randrange(1, 65536)
            frame = flow(nth(client), port)
            mine, theirs = rig.datapath.run(frame), second.run(frame)
            assert (mine.backend, mine.slot, mine.hint) == (
                *(theirs.backend, theirs.slot, theirs.hint),
            )
            of = ip_address(nth(client)).packed
            held_out = is_held_out(of, hints)
            ports = port.to_bytes(2, "big"), frame[36:38]
            slot = ring.slot(base_hash(of, ports, Protocol.TCP, hints, held_out=held_out))
            assert mine.slot == slot
            assert mine.hint
            seen.add(mine.hint.name)
    assert seen == {"BASE", "HOLDOUT", "PUSHED"}


TEMPLATE = bytearray(syn())


def flow(client: str, port: int) -> bytes:
    """The SYN of one, made in no time; checksums are nobody's business."""
    TEMPLATE[26:30] = ip_address(client).packed
    struct.pack_into("!H", TEMPLATE, 34, port)
    return bytes(TEMPLATE)


@pytest.mark.parametrize("side", ["model", "program"])
@given(st.integers(0, 2**32))
@shared
def test_i6_a_hint_leads_only_to_a_backend_of_its_service(side: str, rig: Rig, seed: int) -> None:
    """Even if what the maps hold names another one, by whatever mistake."""
    random = Random(seed)
    pair = Pair(rig)
    placed: list[PlacedService] = []
    for event in stream(random):
        if isinstance(event, Place):
            placed = event.services
        if not isinstance(event, Packet):
            pair.happen(event)
            forge(rig, pair, random)
            continue
        of = next(p for p in placed if p.index == event.service)
        frame = event.frame(of.service)
        done = pair.model.run(frame) if side == "model" else rig.datapath.run(frame)
        if side == "program":
            rig.count(frame)
        assert done.backend in {0, *(b.number for b in of.backends)}
        assert done.service == of.index


def forge(rig: Rig, pair: Pair, random: Random) -> None:
    """Hints of both sides name any number."""
    for name in ("pushed", "learned"):
        words = rig.words(name)
        for at in 2 * np.flatnonzero(words[::2]):
            number = random.randrange(20)
            words[at] = (int(words[at]) & ~(0x1FFFF << 12)) | number << 12
    model = pair.model.hints
    for advice in model.advice():
        advice.number = random.randrange(20)


@given(scenario=scenarios(1), seed=st.integers(0, 2**32))
@shared
def test_i7_without_hints_the_steering_is_the_same(rig: Rig, scenario: Scenario, seed: int) -> None:
    """The program that looks for hints, beside the one that does not: packet for packet."""
    traffic = Traffic(
        Random(seed),
        [p.service for p in scenario.services],
        GUARD_KEYS.challenge,
        GUARD_KEYS.cookie,
    )
    frames = [traffic.frame() for _ in range(150)]
    plain = _pass(rig, scenario.services, frames, hinted=False)
    assert plain == _pass(rig, scenario.services, frames, hinted=True)


def _pass(
    rig: Rig, placed: list[PlacedService], frames: list[bytes], *, hinted: bool
) -> tuple[object, ...]:
    """All that is to be seen of these frames; with hints of a service that none is of."""
    other = replace(World().services[FOREIGN], index=60)
    other = replace(
        other,
        service=replace(other.service, address=ip_address("203.0.113.1")),
        backends=tuple(replace(b, number=120) for b in other.backends),
    )
    rig.place_all([])
    rig.forget()
    rig.forget_hints()
    rig.place_all([*placed, other])
    rig.forget_former_rings()
    if hinted:
        rig.datapath.hint_settings.set({60: HintUse(hints=Hints(affinity=Affinity.CLIENT))})
    assert rig.datapath.hints.active == hinted
    seen: list[object] = []
    for frame in frames:
        rig.may_tell(True)
        outcome = rig.datapath.run(frame)
        seen.append(replace(outcome, hint=None))
        seen.append(rig.count(frame))
    return seen, rig.counts(), rig.noted(), (rig.flow_words & ~np.uint64(LEARNED_FROM)).tobytes()


@given(st.integers(0, 2**32))
@shared
def test_i7_also_for_the_model(seed: int) -> None:
    models = [unhinted(), unhinted()]
    models[1].hints.use(9, Hints(affinity=Affinity.CLIENT), Kind.PUSHED)
    for event in stream(Random(seed)):
        if isinstance(event, Packet):
            frame = event.frame(services()[event.service - 1].service)
            plain, hinted = (model.run(frame) for model in models)
            assert plain == replace(hinted, hint="")
            continue
        for model in models:
            _happen(model, event)
    assert models[0].counts == models[1].counts
    assert models[0].flows() == models[1].flows()


def _happen(model: GatewayModel, event: Event) -> None:
    """All but what has to do with hints."""
    if isinstance(event, Place):
        model.place(event.services)
    elif not isinstance(event, HintsChange):
        model.next_epoch()
