"""The program under test: a data path with the world in it, and what a packet did to its maps."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from accel.datapath.datapath import DataPath
from accel.datapath.guard.actions import Stance
from accel.datapath.guard.maps import GuardKeys
from accel.datapath.layout import CONSTANTS
from accel.datapath.testrun import Outcome
from accel.ebpf import probes, syscall
from accel.lab.limits import SMALL
from accel.model.placement import PlacedService
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes
from accel.verdicts import Verdict
from tests.support.hints.hint_time import HintTime
from tests.support.hints.hint_writer import HintWriter
from tests.support.packets.clock import Clock
from tests.support.packets.ring_buffer import RingBuffer
from tests.support.packets.world import World

LIMITS = SMALL
KEPT = Path(os.environ["ACCEL_CACHE"]) / "rig"  # what was compiled, for who opens another
KEPT.mkdir(exist_ok=True)
OLD_METADATA = 32  # bytes that a test run takes before kernel 6.8
FOREVER = (1 << 63).to_bytes(8, "little")  # a budget that is spent for the next 292 years
GUARD_KEYS = GuardKeys(
    generation=5,
    challenge=tuple((0x1111 * (n + 1), 0xAAAA_BBBB_CCCC_0000 + n) for n in range(4)),
    cookie=tuple((0x2222 * (n + 1), 0xDDDD_EEEE_FFFF_0000 + n) for n in range(4)),
)
_TIMES = ("paces", "first_syns")  # maps whose words have a time in their lower half
_WRITTEN = ("flows", "counters", "settings", "backends", "proven")
ACTIONS = ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT")
# Counts of one packet or many: ("backend" | "service", number, verdict): (packets, bytes).
Counts = dict[tuple[str, int, Verdict], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Left:
    """How a frame left the program."""

    action: str
    packet: bytes


class Rig:
    """A data path and its maps, which it keeps to itself, seen from behind."""

    def __init__(self, datapath: DataPath) -> None:
        self.datapath = datapath
        self._maps = datapath._maps
        self._cpus = self._maps.cpus
        self._changed = True
        self._guarded: set[int] = set()
        self._clock = Clock([self._maps.words(name) for name in _TIMES])
        self._samples = RingBuffer(self._maps.fds["samples"])
        self.hint_time = HintTime(self._maps, datapath.hints, self._clock.now)
        self.reset()

    def reset(self) -> None:
        """The world as it is written, no guard, and nothing that packets have left."""
        self.world = World()
        if self._changed:
            self.place()
            self._changed = False
        self.guard_all({})
        self.forget_hints()
        self.keys = GUARD_KEYS
        if len(self.datapath.prefixes):
            self.list_prefixes([])
        self.forget()

    def guard(self, stances: Mapping[str, Stance]) -> None:
        """What the guards of these services of the world do; the others stay as they are."""
        self._set_stances({self.world.services[s].index: of for s, of in stances.items()})

    def guard_all(self, stances: Mapping[int, Stance]) -> None:
        """What guards do, by the index of their service; all others are off."""
        self._set_stances(dict.fromkeys(self._guarded, Stance()) | dict(stances))

    def _set_stances(self, stances: Mapping[int, Stance]) -> None:
        self._guarded |= set(stances)
        self.datapath.guards.enforce(stances)

    def list_prefixes(self, prefixes: Sequence[tuple[Network, bool]]) -> None:
        """These are allowed or, if so it says, denied, and no others."""
        self.datapath.prefixes.plan(Prefixes.of(prefixes), only=True)()

    def slow_down(self, factor: int) -> None:
        """All rates are so many times slower: tokens take longer than any test."""
        self._maps.words("guards").view(np.uint32).reshape(-1, 16)[:, 4:] *= np.uint32(factor)

    def forget_hints(self) -> None:
        """No service has hints, and nothing is left of any."""
        hints = self.datapath.hints
        self.hint_time.release()
        were_there = hints.active
        hints.drop(range(LIMITS.services))
        if were_there:
            self.datapath.hint_settings.set({})
            self._changed = True
        table = hints.pushed.table
        table.clear(np.arange(table.size))
        for name in ("pushed", "learned", "loads", "warmths", "outcomes", "sampled"):
            self._maps.words(name)[:] = 0
        while len(hints.read_samples()):
            pass
        self.hint_writer = HintWriter(self.datapath)

    @property
    def keys(self) -> GuardKeys:
        """The guard's, as they were set."""
        return self._keys

    @keys.setter
    def keys(self, keys: GuardKeys) -> None:
        self._keys = keys
        self.datapath.guards.set_keys(keys)

    def place(self) -> None:
        """Make the maps hold the world as it is now, and let the seconds after a change pass."""
        self.place_now()
        self.forget_former_rings()

    def place_now(self) -> None:
        """Like `place`, and the rings that were there until now are still the former ones."""
        self.place_all(list(self.world.services.values()))

    def place_all(self, services: list[PlacedService]) -> None:
        """Make the maps hold these services instead of the world's, until the next reset."""
        self.datapath.steering.sync(services)
        self._changed = True

    def forget_former_rings(self) -> None:
        """As if the seconds after a change were over."""
        self.datapath.steering.rings.tick(float("inf"))

    def forget(self) -> None:
        """No flow, no source, no count, no sample, a full budget for ICMP errors."""
        for name in ("flows", "counters", "proven", *_TIMES):
            self._maps.words(name)[:] = 0
        self._clock.read()
        self._samples.take()
        self.may_tell(True)

    def words(self, name: str) -> np.ndarray:
        """The memory of a map."""
        return self._maps.words(name)

    def take_samples(self) -> list[bytes]:
        """The samples that have come since the last time."""
        return self._samples.take()

    def pass_time(self, seconds: float) -> None:
        """For the guard, seconds pass."""
        self._clock.pass_by(seconds)

    def forget_times(self) -> None:
        """What the guard has noted with a time."""
        for name in _TIMES:
            self._maps.words(name)[:] = 0

    @property
    def passed(self) -> int:
        """How many ticks have passed for the guard."""
        return self._clock.passed

    @property
    def flow_words(self) -> np.ndarray:
        """The flow cache, a word for each flow."""
        return self._maps.words("flows")

    @property
    def settings(self) -> np.ndarray:
        """Epoch (in the lower half) and flow keys."""
        return self._maps.words("settings")

    def next_epoch(self, count: int = 1) -> None:
        """Let `count` epochs pass."""
        for _ in range(count):
            self.datapath.flows.next_epoch()

    def may_tell(self, allowed: bool) -> None:
        """Whether too-big answers may be sent: full budgets on all CPUs, or spent ones."""
        each = bytes(8) if allowed else FOREVER
        syscall.map_update(self._maps.fds["budgets"], bytes(4), each * self._cpus)

    def budget(self) -> int:
        """When the budget of the CPU that sent most will be full again, in ns."""
        value = syscall.map_lookup(self._maps.fds["budgets"], bytes(4), 8 * self._cpus)
        assert value
        return int(max(struct.unpack(f"={self._cpus}Q", value)))

    @cached_property
    def traces(self) -> bool:
        """Whether this kernel explains packets."""
        try:
            probes.run_with_context()
        except OSError:
            return False
        return True

    def trace(self, frame: bytes) -> Outcome:
        """Run a frame as `accel explain` does: it leaves nothing in the maps."""
        self._clock.stand_still(self.hint_time.stand_still())
        outcome = self.datapath.run(frame)
        self._clock.read()
        return outcome

    def count(self, frame: bytes, *, metadata: int = 0) -> Left:
        """Run a frame as the network does. Returned packets are without the metadata.

        Metadata takes bytes of the headroom, of which a driver may have had less to give.
        """
        self._clock.stand_still(self.hint_time.stand_still())
        context = struct.pack("=6I", metadata, metadata + len(frame), 0, 0, 0, 0)
        try:
            done = syscall.prog_test_run(
                self.datapath.program, bytes(metadata) + frame, context=context if metadata else b""
            )
        except OSError as refused:
            if metadata <= OLD_METADATA:
                raise
            pytest.skip(f"no test runs with {metadata} bytes of metadata here: {refused.strerror}")
        self._clock.read()
        return Left(action=ACTIONS[done.action], packet=done.packet[metadata:])

    def counts(self) -> Counts:
        """All counters that are not 0."""
        kinds = {
            "backend": (self.datapath.counters.backends, self.datapath.counters.backend),
            "service": (self.datapath.counters.services, self.datapath.counters.service),
        }
        return {
            (kind, number, verdict): value
            for kind, (cells, of) in kinds.items()
            for number in map(int, np.flatnonzero(cells.any(axis=(0, 2, 3))))
            for verdict, value in of(number).items()
            if value != (0, 0)
        }

    def noted(self) -> dict[tuple[int, Verdict], tuple[int, int]]:
        """What guards at level monitor would have done, by the index of their service."""
        cells = self.datapath.counters.services[:, :, CONSTANTS["NOTED_CELL"] :]
        return {
            (index, verdict): value
            for index in map(int, np.flatnonzero(cells.any(axis=(0, 2, 3))))
            for verdict, value in self.datapath.counters.noted(index).items()
            if value != (0, 0)
        }

    def memory(self) -> bytes:
        """All that a packet could change."""
        words = [self._maps.words(name).tobytes() for name in _WRITTEN]
        left = struct.pack("=QQ", self.budget(), self._samples.written)
        return b"".join((*words, *self._clock.noted(), left))

    def flows_of(self, service: str) -> list[int]:
        """How many flows each backend of `service` has."""
        known = self.datapath.flows.per_backend()
        return [int(known[number]) for number in self.world.numbers(service)]
