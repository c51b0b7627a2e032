"""Who is not there teaches nothing, and takes nothing from those who are."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accel.datapath.datapath import DataPath
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf
from accel.model.hints import NOTHING, Learn
from accel.model.prefix_columns import V4
from tests.support.guard.guarding import ATTACKED, stance
from tests.support.hints.hinting import PLAIN, TCP4, Hinted, ack, nth, syn
from tests.support.packets.rig import LIMITS, Rig

TRUE, SPOOFED = 5_000, 200_000
FIRST = 0x0A000000  # address of the first true one
ROOM = 1 << 16  # hints: by default
FLAGS = {"S": 0x02, "A": 0x10}
SPOOFER = Path(__file__).with_name("spoof_clients.c")


class Spoofer:
    """Sends in the name of clients that are not there, each the same packets in turn."""

    def __init__(self, program: int) -> None:
        self._compiled = compile_bpf(SPOOFER)
        self._program = self._compiled.load("spoof_clients")
        self._plan = mmap.mmap(self._compiled.map_fd("plans"), mmap.PAGESIZE)
        map_fd = self._compiled.map_fd("programs")
        syscall.map_update(map_fd, bytes(4), struct.pack("=I", program))

    def send(self, sources: int, packets: str, *, first: int = 0xAC100000, port: int = 1) -> None:
        """Of so many sources such as "S A A+": flags, and whether there is payload."""
        each = packets.split()
        plan = b"".join(struct.pack("BB", FLAGS[p[0]], len(p) > 1) for p in each).ljust(16, b"\0")
        frame = ack(port=port, data=b"data").ljust(64, b"\0")
        self._plan[:96] = frame + struct.pack("=IIII", 0, len(each), first, 0) + plan
        syscall.prog_test_run(self._program, frame[:58], repeat=sources * len(each))

    def close(self) -> None:
        """Let go of it."""
        self._plan.close()
        self._compiled.close()


@pytest.fixture(scope="module")
def roomy() -> Iterator[Rig]:
    """A gateway with room for more."""
    datapath = DataPath.open(None, replace(LIMITS, hints=ROOM, flows=1 << 16))
    yield Rig(datapath)
    datapath.close()


@pytest.fixture
def hinted(roomy: Rig) -> Hinted:
    """Of whose clients hints are learned."""
    roomy.reset()
    hinted = Hinted(roomy)
    hinted.use(there=NOTHING, learn=Learn.ALL, sample=0)
    return hinted


@pytest.fixture
def spoofer(roomy: Rig, hinted: Hinted) -> Iterator[Spoofer]:
    """Against the hinted program."""
    spoofer = Spoofer(roomy.datapath.program)
    yield spoofer
    spoofer.close()


def teach(spoofer: Spoofer, times: int = 2) -> None:
    """The true ones come, so often, and talk."""
    for time in range(times):
        spoofer.send(TRUE, "S A A+ A+", first=FIRST, port=1000 + time)


def hashes(hinted: Hinted) -> np.ndarray:
    """Of the true ones."""
    low = np.arange(FIRST, FIRST + TRUE, dtype=np.uint64) | np.uint64(V4)
    return hinted.hints.pushed.keys.of_service(hinted.index, low * np.uint64(0), low)


def left_of(hinted: Hinted, taught: dict[int, int]) -> dict[int, int]:
    """The words of hints, without their times, of the true ones that have one."""
    buckets = hinted.rig.words("learned").reshape(-1, 8)[:, ::2]
    of = hashes(hinted)
    rows = buckets[(of % np.uint64(len(buckets))).astype(np.int64)]
    same = rows >> np.uint64(32) == (of >> np.uint64(32))[:, None]
    found = {i: int(rows[i][same[i]][0]) for i in np.flatnonzero(same.any(axis=1)).tolist()}
    assert not taught or found.items() <= taught.items()
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("packets", ["S", "S A", "S A+", "S S+ S+ S+"])
def test_200_000_spoofed_sources_leave_5_000_true_hints_alone(
    hinted: Hinted, spoofer: Spoofer, packets: str
) -> None:
    """SYNs; with ACKs of numbers that are guessed; with a first packet of data, too."""
    teach(spoofer)
    true = left_of(hinted, {})
    assert len(true) == TRUE
    words = hinted.rig.words("learned")[::2].copy()
    spoofer.send(SPOOFED, packets)
    assert np.array_equal(hinted.rig.words("learned")[::2], words)
    template = bytearray(syn(port=7))
    for i, word in true.items():
        template[26:30] = struct.pack("!I", FIRST + i)
        assert hinted.chosen(bytes(template)) == (word >> 12 & 0x1FFFF, "LEARNED")


@pytest.mark.timeout(600)
def test_who_makes_up_whole_conversations_takes_no_hint_of_clients_that_return(
    hinted: Hinted, spoofer: Spoofer
) -> None:
    """With direct return the gateway cannot tell them from those who are there. What may be lost:
    one of four hints in a bucket, where all are of clients that came again.
    """
    teach(spoofer)
    true = left_of(hinted, {})
    assert len(true) == TRUE
    buckets = len(hinted.rig.words("learned")) // 8
    in_bucket = Counter((hashes(hinted) % np.uint64(buckets)).tolist())
    full = sum(count >= 4 for count in in_bucket.values())
    spoofer.send(SPOOFED, "S A A+ A+")
    assert hinted.hints.counts(hinted.index).learned > SPOOFED / 2, "nothing was made up"
    assert TRUE - len(left_of(hinted, true)) <= full


def test_under_attack_they_plant_nothing_and_nothing_lives_longer(
    hinted: Hinted, spoofer: Spoofer
) -> None:
    teach(spoofer, times=1)
    hinted.rig.guard({TCP4: stance(ATTACKED)})
    learned = hinted.rig.words("learned").copy()
    spoofer.send(SPOOFED // 4, "S A A+ A+")
    assert np.array_equal(hinted.rig.words("learned"), learned)


def test_the_learned_map_full_of_those_who_came_once(hinted: Hinted, spoofer: Spoofer) -> None:
    """Nothing fails: who returns has a hint, who does not is at the base choice."""
    spoofer.send(5 * SPOOFED, "S A A+ A+")
    assert (hinted.rig.words("learned")[::2] != 0).mean() > 0.99
    for client in map(nth, range(200)):
        number = hinted.talk(client, 1)
        hinted.talk(client, 2)
        assert hinted.chosen(syn(client, 3)) == (number, "LEARNED")
    spoofer.send(SPOOFED, "S A A+ A+")
    left = [hinted.chosen(syn(nth(i), 3))[1] for i in range(200)]
    assert left.count("LEARNED") > 190
    assert hinted.connect(nth(7), 9) in hinted.numbers


def test_without_learning_there_is_nothing_to_plant(hinted: Hinted, spoofer: Spoofer) -> None:
    hinted.use(replace(PLAIN, sample=0))
    spoofer.send(1000, "S A A+ A+")
    assert not hinted.rig.words("learned").any()
