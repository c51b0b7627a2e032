"""The loaded program against the reference model: random packets, and not one difference.

Each packet is traced, then counted, and both must be what the model says: verdict, action,
service, backend, slot, interface, and each byte that leaves. Flows build up meanwhile, backends
come and go, guards change, keys roll, seconds and epochs pass; after each phase all counters, all
that was noted and all flows must agree, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from gateway_model import Decision, GatewayModel
from guard_model import GuardModel, Network
from hypothesis import HealthCheck, Phase, given, settings
from leaving_model import without_time
from rig import GUARD_KEYS, Rig
from scapy.all import Ether
from scenarios import Scenario, changed, prefixes, scenarios, stances
from traffic import Traffic

from accel.guard import Stance
from accel.maps import ticks_per_second
from accel.placed import PlacedService
from accel.verdicts import Verdict

PACKETS = 100_000
PHASES, PACKETS_PER_PHASE = 4, 150
SLOWER = 16  # what brings a token: seconds, so that it takes longer than the test
WAITS = (1.5, 8.0, 16.0)  # seconds: long enough for a SYN, too long for one, a token's
SLIPS = 0.25  # seconds that may pass without being asked for, in all
EXAMPLES = -(-PACKETS // (PHASES * PACKETS_PER_PHASE))


@dataclass
class Seen:
    """What went through, in all."""

    packets: int = 0
    verdicts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """An event: from now on there are these services."""

    services: list[PlacedService]


@dataclass(frozen=True)
class Epoch:
    """An event: an epoch passes."""


@dataclass(frozen=True)
class Settled:
    """An event: the seconds after a change of rings are over."""


@dataclass(frozen=True)
class Guards:
    """An event: from now on the guards of services do this."""

    stances: Mapping[int, Stance]


@dataclass(frozen=True)
class Wait:
    """An event: seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Roll:
    """An event: the guard's next key is the current one."""


@dataclass(frozen=True)
class Listed:
    """An event: from now on these prefixes are allowed, or denied."""

    prefixes: Sequence[tuple[Network, bool]]


Event = bytes | Place | Epoch | Settled | Guards | Wait | Roll | Listed


class Pair:
    """The program and the model, in the same state."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        rig.place_all([])
        rig.forget()
        rig.settings.view("uint32")[0] = 0
        rig.guard_all({})
        rig.keys = replace(GUARD_KEYS, generation=0)
        rig.list_prefixes([])
        self.model = GatewayModel(
            keys=[int(k) for k in rig.settings[1:15]],
            buckets=len(rig.flow_words) // 8,
            guard=GuardModel(keys=GUARD_KEYS.challenge, cookie_keys=GUARD_KEYS.cookie, each=SLOWER),
        )
        self._start = rig.passed

    def happen(self, event: Event) -> str:
        """Both go on. Returns what differs, or nothing."""
        if isinstance(event, Place):
            self._rig.place_all(event.services)
            self.model.place(event.services)
        elif isinstance(event, Settled):
            self._rig.forget_former_rings()
            self.model.forget_former_rings()
        elif isinstance(event, Epoch):
            self._rig.next_epoch()
            self.model.next_epoch()
        elif isinstance(event, Guards):
            self._rig.guard_all(event.stances)
            self._rig.slow_down(SLOWER)
            self.model.guard.stances = event.stances
        elif isinstance(event, Listed):
            self._rig.list_prefixes(event.prefixes)
            self.model.guard.prefixes = event.prefixes
        elif isinstance(event, Wait):
            self._rig.pass_time(event.seconds)
            self._start += round(event.seconds * ticks_per_second())
            self.model.guard.now += event.seconds
        elif isinstance(event, Roll):
            self._rig.keys = replace(
                self._rig.keys, generation=(self._rig.keys.generation + 1) % (1 << 32)
            )
            self.model.guard.generation += 1
        else:
            self._stay_in_time()
            return self._packet(event)
        return ""

    def _stay_in_time(self) -> None:
        """Ticks slip through; before they are too many, both forget what was when."""
        if self._rig.passed - self._start > SLIPS * ticks_per_second():
            self._start = self._rig.passed
            self._rig.forget_times()
            self.model.guard.forget_times()

    def _packet(self, frame: bytes) -> str:
        wanted = self.model.run(frame)
        if wanted.verdict == "COOKIE" and wanted.frame:
            wanted = replace(wanted, frame=without_time(wanted.frame))
        outcome = self._rig.trace(frame)
        traced = Decision(
            verdict=outcome.verdict.name,
            action=outcome.action,
            frame=_left(outcome.action, outcome.frame, wanted.verdict),
            service=outcome.service,
            backend=outcome.backend,
            slot=outcome.slot,
            ifindex=outcome.ifindex,
        )
        if traced != wanted:
            return f"traced\n{_decided(traced)}\nmodel\n{_decided(wanted)}"
        if wanted.verdict == "TOO_BIG":
            self._rig.may_tell(True)
        done = self._rig.count(frame)
        left = _left(done.action, done.packet, wanted.verdict)
        if (done.action, left) != (wanted.action, wanted.frame):
            counted = replace(wanted, action=done.action, frame=left)
            return f"counted\n{_decided(counted)}\nmodel\n{_decided(wanted)}"
        return ""

    def state(self) -> str:
        """What differs in counters and flows, or nothing."""
        counts = {(kind, n, v.name): value for (kind, n, v), value in self._rig.counts().items()}
        if counts != self.model.counts:
            return f"counters: only in one of them {counts.items() ^ self.model.counts.items()}"
        noted = {(index, v.name): value for (index, v), value in self._rig.noted().items()}
        if noted != self.model.noted:
            return f"noted: only in one of them {noted.items() ^ self.model.noted.items()}"
        known = self._rig.datapath.known_flows()
        flows = {n: int(count) for n, count in enumerate(known) if count}
        if flows != self.model.flows():
            return f"flows: {flows}, but the model has {self.model.flows()}"
        return ""


def _left(action: str, frame: bytes, verdict: str) -> bytes | None:
    """What is to be compared of a frame: of a SYN-ACK all but the time."""
    if action == "XDP_DROP":
        return None
    return without_time(frame) if verdict == "COOKIE" and action == "XDP_TX" else frame


def _decided(decision: Decision) -> str:
    return f"{replace(decision, frame=None)}\n{_shown(decision.frame) if decision.frame else ''}"


def _shown(frame: bytes) -> str:
    """Dissected, and as what builds it again, in both with long runs of zeros made short."""
    packet = Ether(frame)
    text = f"{packet.show(dump=True)}{packet.command()}"
    return re.sub(r"(?:\\x00){9,}", lambda m: f"' + bytes({len(m[0]) // 4}) + b'", text)


def phases(scenario: Scenario) -> Iterator[list[Event]]:
    """What happens, phase by phase."""
    services = scenario.services
    for phase in scenario.phases:
        random = Random(phase.change)
        happens: list[Event] = [Place(services)]
        happens += [Epoch()] * random.choice((0, 1, 1, 3, 5, 8, 9))
        traffic = Traffic(
            Random(phase.traffic),
            [p.service for p in services],
            GUARD_KEYS.challenge,
            GUARD_KEYS.cookie,
        )
        happens.append(Guards(stances(services, random) if random.random() < 0.8 else {}))
        happens.append(Listed(prefixes(random)))
        happens += [traffic.frame() for _ in range(PACKETS_PER_PHASE)]
        happens.insert(random.randrange(1, 2 * len(happens)), Settled())
        for _ in range(random.randrange(5)):
            between = (Wait(random.choice(WAITS)), Roll())
            happens.insert(random.randrange(3, len(happens)), random.choice(between))
        yield happens
        for _ in range(random.randrange(4)):
            services = changed(services, random)


def shortest(rig: Rig, events: Sequence[Event]) -> list[Event]:
    """The fewest of `events` after which the last one still differs; each in turn is left out."""

    def differs(candidate: Sequence[Event]) -> bool:
        pair = Pair(rig)
        return any([pair.happen(event) for event in candidate][-1:])

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
    lines = [_shown(e) if isinstance(e, bytes) else repr(e) for e in few]
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
                if pair.happen(event):
                    pytest.fail(report(rig, events))
                seen.packets += isinstance(event, bytes)
            assert not (difference := pair.state()), difference
        seen.verdicts |= {verdict for _, _, verdict in pair.model.counts}

    run()
    with capsys.disabled():
        print(f"\ndifferential: {seen.packets} packets, 0 differences")
    assert seen.packets >= PACKETS
    assert seen.verdicts == {v.name for v in Verdict} - {"NO_ROOM"}, "too tame a traffic"
