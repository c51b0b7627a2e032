"""The invariants of hints, I1 to I7: of the reference model, and of the loaded program.

Both go through the same stream, and what holds is asked of each for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel.model.backend import State
from accel.model.placement import PlacedBackend
from tests.model.decision_model import Decision
from tests.model.gateway_model import FORWARDED
from tests.model.hints.load_model import is_up
from tests.support.hints.hint_stream import Packet, services, stream, unhinted
from tests.support.packets.pair import Epoch, Event, Hinted, Pair, Place, Settled
from tests.support.packets.rig import Rig

EXAMPLES = 25
BY_HINT = {"PUSHED", "LEARNED", "PREFIX"}
SIDES = ("model", "program")
once = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
seeds = st.integers(0, 2**32)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A packet, what each side made of it, and what was so before."""

    packet: Packet
    frame: bytes
    of: dict[str, Decision]
    backends: dict[int, tuple[int, PlacedBackend]]  # by number: service, and what it is
    over: set[int]  # backends at their load bound, where there is one
    required: bool  # there are hints of the service that go beyond the bound
    outcomes: dict[str, int]  # how many more are counted now, on each side
    kept: dict[str, bool]  # whether the flow is known now


def steps(rig: Rig, seed: int) -> Iterator[Step | Event]:
    """All that happens, and is to be asked about."""
    pair = Pair(rig)
    ports = {p.index: p.service for p in services()}
    for event in stream(Random(seed)):
        if isinstance(event, Packet):
            yield _step(pair, rig, event, event.frame(ports[event.service]))
            continue
        assert not pair.happen(event)
        yield event


def _step(pair: Pair, rig: Rig, packet: Packet, frame: bytes) -> Step:
    hints, index = pair.model.hints, packet.service
    over = {n for n in hints.backends if hints.is_bounded(index) and hints.is_over(n)}
    backends, required = dict(hints.backends), hints.requires(index)
    before = _counted(pair, rig, index)
    difference = pair.happen(frame)
    assert not difference, difference
    after = _counted(pair, rig, index)
    again = rig.trace(frame)
    kept = again.backend != 0 and again.slot is None and again.hint is None
    return Step(
        packet=packet,
        frame=frame,
        of=dict(zip(SIDES, pair.last, strict=True)),
        backends=backends,
        over=over,
        required=required,
        outcomes={side: after[side] - before[side] for side in SIDES},
        kept={"model": pair.model.knows(frame), "program": kept},
    )


def _counted(pair: Pair, rig: Rig, index: int) -> dict[str, int]:
    outcomes = pair.model.hints.outcomes
    model = sum(count for (i, _), count in outcomes.items() if i == index)
    return {"model": model, "program": sum(rig.datapath.hints.counts(index).outcomes.values())}


@pytest.mark.parametrize("side", SIDES)
@given(seeds)
@once
def test_i1_a_hint_never_moves_an_established_flow(side: str, rig: Rig, seed: int) -> None:
    where: dict[object, int] = {}
    for step in steps(rig, seed):
        if not isinstance(step, Step):
            continue
        done = step.of[side]
        if done.verdict == "FORWARD_FLOW":
            assert done.backend == where[step.packet.flow]
        if step.kept[side]:
            where[step.packet.flow] = done.backend


@dataclass(kw_only=True)
class Begun:
    """A handshake: where its SYN went, with hints and without, and how often the rings changed."""

    number: int
    generation: int
    plainly: int
    changes: int = 0


@pytest.mark.parametrize("side", SIDES)
@given(seeds)
@once
def test_i2_a_hint_never_makes_a_connection_fail(side: str, rig: Rig, seed: int) -> None:
    """What goes on without hints does with them, and its handshake ends where it began."""
    without = unhinted()
    begun: dict[object, Begun] = {}
    for step in steps(rig, seed):
        if isinstance(step, Place):
            without.place(step.services)
            for handshake in begun.values():
                handshake.changes += 1
        elif isinstance(step, Epoch):
            without.next_epoch()
            begun.clear()
        elif isinstance(step, Settled):
            without.forget_former_rings()
            begun.clear()
        elif isinstance(step, Step):
            plain, done = without.run(step.frame), step.of[side]
            if any(is_up(b) for i, b in step.backends.values() if i == step.packet.service):
                assert done.verdict in FORWARDED
            if done.verdict == "FORWARD_SYN":
                generation = step.backends[done.backend][1].generation
                begun[step.packet.flow] = Begun(
                    number=done.backend, generation=generation, plainly=plain.backend
                )
            elif not step.packet.opens and done.verdict in FORWARDED:
                if step.packet.flow not in begun:
                    continue
                begin = begun.pop(step.packet.flow)
                if _should_go_on(begin, step, plain):
                    assert done.backend == begin.number, "SYN and ACK went different ways"


def _should_go_on(handshake: Begun, step: Step, plain: Decision) -> bool:
    """Without hints it does, and the backend of its SYN is still there."""
    _, backend = step.backends.get(handshake.number, (0, None))
    if backend is None or backend.backend.state is State.DOWN or handshake.changes > 1:
        return False
    return backend.generation == handshake.generation and plain.backend == handshake.plainly


@pytest.mark.parametrize("side", SIDES)
@given(seeds)
@once
def test_i3_a_hint_never_overrides_state_or_bound(side: str, rig: Rig, seed: int) -> None:
    for step in steps(rig, seed):
        if not isinstance(step, Step) or step.of[side].hint not in {
            *BY_HINT,
            "BASE_OVERFLOW",
            "WARM",
        }:
            continue
        done = step.of[side]
        assert is_up(step.backends[done.backend][1])
        if step.packet.opens and not (step.required and done.hint in BY_HINT):
            assert done.backend not in step.over


@pytest.mark.parametrize("side", SIDES)
@given(seeds)
@once
def test_i4_each_new_flow_is_counted_in_exactly_one_outcome(side: str, rig: Rig, seed: int) -> None:
    used = False
    for step in steps(rig, seed):
        if isinstance(step, Hinted):
            used = used or rig.datapath.hints.active
        if not isinstance(step, Step) or not used:
            continue
        new = step.of[side].verdict != "FORWARD_FLOW" and step.kept[side]
        assert step.outcomes[side] == new
