"""The loaded program and the reference model side by side: what happens to both, what differs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scapy.all import Ether

from accel.datapath.guard.actions import Stance
from accel.datapath.layout import ticks_per_second
from accel.model.placement import PlacedService
from tests.model.decision_model import Decision
from tests.model.gateway_model import GatewayModel
from tests.model.guard_model import GuardModel, Network
from tests.model.hints.hint_model import HintModel
from tests.model.leaving_model import without_time
from tests.support.hints.hint_scenarios import HintEvent
from tests.support.packets.rig import GUARD_KEYS, Rig

SLOWER = 16  # what brings a token: seconds, so that it takes longer than the test
SLIPS = 0.25  # seconds that may pass without being asked for, in all


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
class Hinted:
    """An event that has to do with hints."""

    event: HintEvent


@dataclass(frozen=True)
class Listed:
    """An event: from now on these prefixes are allowed, or denied."""

    prefixes: Sequence[tuple[Network, bool]]


Event = bytes | Place | Epoch | Settled | Guards | Wait | Roll | Listed | Hinted


class Pair:
    """The program and the model, in the same state. `last`: what model and program said last."""

    last: tuple[Decision, Decision]

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        rig.place_all([])
        rig.forget()
        rig.settings.view("uint32")[0] = 0
        rig.guard_all({})
        rig.keys = replace(GUARD_KEYS, generation=0)
        rig.list_prefixes([])
        rig.forget_hints()
        rig.hint_time.hold()
        keys = [int(k) for k in rig.settings[1:15]]
        self.model = GatewayModel(
            keys=keys,
            buckets=len(rig.flow_words) // 8,
            guard=GuardModel(keys=GUARD_KEYS.challenge, cookie_keys=GUARD_KEYS.cookie, each=SLOWER),
            hints=HintModel(keys=keys, buckets=len(rig.words("learned")) // 8),
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
        elif isinstance(event, Hinted):
            self._rig.hint_time.stand_still()
            event.event.happen(self._rig, self.model.hints)
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
            hint=outcome.hint.name if outcome.hint else "",
        )
        self.last = wanted, traced
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
        if difference := self._hints():
            return difference
        known = self._rig.datapath.flows.per_backend()
        flows = {n: int(count) for n, count in enumerate(known) if count}
        if flows != self.model.flows():
            return f"flows: {flows}, but the model has {self.model.flows()}"
        return ""

    def _hints(self) -> str:
        hints, model = self._rig.datapath.hints, self.model.hints
        counted = {index: hints.counts(index) for index in self._rig.datapath.entries.placed}
        outcomes = {
            (index, o.name): n for index, c in counted.items() for o, n in c.outcomes.items() if n
        }
        taught = {
            (index, what): n
            for index, c in counted.items()
            for what in ("learned", "refreshed", "unlearned")
            if (n := getattr(c, what))
        }
        for what, mine, theirs in (
            ("outcomes", outcomes, model.outcomes),
            ("learned", taught, model.taught),
        ):
            if mine != theirs:
                return f"{what}: only in one of them {mine.items() ^ theirs.items()}"
        learned = int((self._rig.words("learned")[::2] != 0).sum())
        return "" if learned == len(model) else f"{learned} learned, {len(model)} in the model"


def _left(action: str, frame: bytes, verdict: str) -> bytes | None:
    """What is to be compared of a frame: of a SYN-ACK all but the time."""
    if action == "XDP_DROP":
        return None
    return without_time(frame) if verdict == "COOKIE" and action == "XDP_TX" else frame


def _decided(decision: Decision) -> str:
    return f"{replace(decision, frame=None)}\n{shown(decision.frame) if decision.frame else ''}"


def shown(frame: bytes) -> str:
    """Dissected, and as what builds it again, in both with long runs of zeros made short."""
    packet = Ether(frame)
    text = f"{packet.show(dump=True)}{packet.command()}"
    return re.sub(r"(?:\\x00){9,}", lambda m: f"' + bytes({len(m[0]) // 4}) + b'", text)
