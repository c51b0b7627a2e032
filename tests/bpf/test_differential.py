"""The loaded program against the reference model: random packets, and not one difference.

Each packet is traced, then counted, and both must be what the model says: verdict, action,
service, backend, slot, interface, what hints decided, and each byte that leaves. Flows build up
meanwhile, backends come and go, guards change, keys roll, hints of all kinds come and end, seconds
and epochs pass; after each phase all counters, all that was noted or learned and all flows must
agree, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from accel.datapath.hints.outcomes import HintOutcome
from accel.errors import InvalidError
from accel.verdicts import Verdict
from tests.model.traffic import Traffic
from tests.support.hints.hint_scenarios import between, connection_ids, hint_events
from tests.support.packets.pair import (
    Epoch,
    Event,
    Guards,
    Hinted,
    Listed,
    Pair,
    Place,
    Roll,
    Settled,
    Wait,
    shown,
)
from tests.support.packets.rig import GUARD_KEYS, Rig
from tests.support.packets.scenarios import Scenario, changed, prefixes, scenarios, stances

PACKETS = 100_000
PHASES, PACKETS_PER_PHASE = 4, 150
HINTED = 0.6  # of the phases
FRESH = 0.6  # of those: the others go on with what hints there are
WAITS = (1.5, 8.0, 16.0)  # seconds: long enough for a SYN, too long for one, a token's
EXAMPLES = -(-PACKETS // (PHASES * PACKETS_PER_PHASE))


@dataclass
class Seen:
    """What went through, in all."""

    packets: int = 0
    verdicts: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    taught: Counter[str] = field(default_factory=Counter)


def phases(scenario: Scenario) -> Iterator[list[Event]]:
    """What happens, phase by phase."""
    services = scenario.services
    for phase in scenario.phases:
        random = Random(phase.change)
        happens: list[Event] = [Place(services)]
        hinted = random.random() < HINTED
        guarded = 0.3 if hinted else 0.8
        happens += [Epoch()] * random.choice((0, 1, 1, 3, 5, 8, 9))
        traffic = Traffic(
            Random(phase.traffic),
            [p.service for p in services],
            GUARD_KEYS.challenge,
            GUARD_KEYS.cookie,
            connection_ids() if hinted else (),
        )
        if hinted and random.random() < FRESH:
            happens += map(Hinted, hint_events(services, random))
        packets = [traffic.frame() for _ in range(PACKETS_PER_PHASE)]
        happens.append(Guards(stances(services, random) if random.random() < guarded else {}))
        happens.append(Listed(prefixes(random) if random.random() < guarded else []))
        first = len(happens)
        happens += packets
        for _ in range(random.randrange(10) if hinted else 0):
            event = Hinted(between(services, random))
            happens.insert(random.randrange(first, len(happens)), event)
        happens.insert(random.randrange(1, 2 * len(happens)), Settled())
        for _ in range(random.randrange(5)):
            either = (Wait(random.choice(WAITS)), Roll())
            happens.insert(random.randrange(3, len(happens)), random.choice(either))
        yield happens
        for _ in range(random.randrange(4)):
            services = changed(services, random)


def shortest(rig: Rig, events: Sequence[Event]) -> list[Event]:
    """The fewest of `events` after which the last one still differs; each in turn is left out."""

    def differs(candidate: Sequence[Event]) -> bool:
        pair = Pair(rig)
        try:
            return any([pair.happen(event) for event in candidate][-1:])
        except (InvalidError, KeyError):  # a hint for a backend that is not there now
            return False

    left = list(events)
    size = len(left) // 2
    while size:
        for at in range(0, len(left) - 1, size):
            candidate = left[:at] + left[min(at + size, len(left) - 1) :]
            if len(candidate) < len(left) and differs(candidate):
                left = candidate
                break
        else:
            size //= 2
    return left


def report(rig: Rig, events: Sequence[Event]) -> str:
    """The shortest way to the difference, and how to build its packets."""
    few = shortest(rig, events)
    pair = Pair(rig)
    difference = [pair.happen(event) for event in few][-1]
    lines = [shown(e) if isinstance(e, bytes) else repr(e) for e in few]
    return "\n\n".join(["after these events", *lines, "they differ", difference])


@pytest.mark.timeout(600)
def test_no_packet_tells_them_apart(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(scenario=scenarios(PHASES))
    def run(scenario: Scenario) -> None:
        pair = Pair(rig)
        events: list[Event] = []
        for happens in phases(scenario):
            for event in happens:
                events.append(event)
                if difference := pair.happen(event):
                    pytest.fail(f"{report(rig, events)}\n\nat first\n\n{difference}")
                seen.packets += isinstance(event, bytes)
            difference = pair.state()
            assert not difference, difference
        seen.verdicts |= {verdict for _, _, verdict in pair.model.counts}
        for (_, outcome), count in pair.model.hints.outcomes.items():
            seen.outcomes[outcome] += count
        for (_, what), count in pair.model.hints.taught.items():
            seen.taught[what] += count

    run()
    with capsys.disabled():
        print(f"\ndifferential: {seen.packets} packets, 0 differences, {dict(seen.outcomes)}")
    assert seen.packets >= PACKETS
    assert seen.verdicts == {v.name for v in Verdict} - {"NO_ROOM"}, "too tame a traffic"
    assert len(seen.outcomes) >= len(HintOutcome) - 8, "too few hints"
    assert set(seen.taught) == {"learned", "refreshed", "unlearned"}
