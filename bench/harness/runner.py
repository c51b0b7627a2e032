"""Nanoseconds per packet of XDP programs, by BPF_PROG_TEST_RUN and bench/bpf/wrapper.bpf.c."""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf
from accel.ebpf.source import read_constants
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from bench.harness.cpus import pinned
from bench.harness.summary import quiet_medians

HERE = Path(__file__).resolve().parents[1]
BPF = HERE / "bpf"
ROUNDS = 11
STEP = 0x9E3779B1  # 2^32 by the golden ratio: far from one flow to the next
_WARM_UP = 1 << 18  # packets after which the caches hold what this program needs of them
_FULL = 1 << 20  # packets after which all that there is room for has been met
_PACKETS = 1 << 16  # of a round
MET = 0.96  # at 512k flows 1 to 3 % find their bucket of the flow cache full
_SLICE = 1 << 13  # packets in one system call: about a millisecond, which is often undisturbed
_WORDS = read_constants(BPF / "wrapper.bpf.c")["WORDS"]
FRAME = 14 + 8 * _WORDS  # bytes of every packet
NATIVE = 1 << 2  # XDP_FLAGS_DRV_MODE
_PLACE = bytes(4)  # of the program under test, in the wrapper's array
_RUN = struct.Struct(f"=12s2sHIIII{8 * _WORDS}s")


@dataclass(kw_only=True)
class Run:
    """One program with one kind of packet, over `flows` flows, a power of two.

    0 flows: each packet is of a new one. Flows are first met in order and then, as in traffic, in
    none; what a first pass has put side by side in memory would be read ahead otherwise. A client
    has so many flows as two to the power of `port_bits`; with none, clients are so many addresses
    apart as two to the power of `apart_bits`. `answers`: the program shortens frames
    from behind. `before` is called before each round. `seen` says how many packets met what they
    were to meet: a wrong one may be fast.
    """

    program: int
    frame: bytes
    flows: int
    next: int = 0
    port_bits: int = 15
    apart_bits: int = 0
    answers: bool = False
    before: Callable[[], object] | None = None
    seen: Callable[[], int] | None = None
    rounds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """ns per packet of the least disturbed round, the wrapper's own included."""
        return min(self.rounds)


class Harness:
    """The loaded wrapper."""

    def __init__(self) -> None:
        self._compiled = compile_bpf(BPF / "wrapper.bpf.c")
        self.wrappers = self.load("wrapper"), self.load("wrapper_of_answers")
        self.nothing = self.load("untouched")
        self._programs = self._compiled.map_fd("programs")
        self._run = mmap.mmap(self._compiled.map_fd("runs"), mmap.PAGESIZE)

    def load(self, function: str) -> int:
        """Another program of wrapper.bpf.c; its file descriptor."""
        return self._compiled.load(function)

    def map_fd(self, name: str) -> int:
        """One of its maps."""
        return self._compiled.map_fd(name)

    def measure(self, runs: Sequence[Run], rounds: int = ROUNDS) -> None:
        """Rounds of all runs in turn, so that what disturbs the machine disturbs them alike.

        A round is its least disturbed slice.
        """
        for _ in range(rounds):
            for run in runs:
                run.rounds.append(self._round(run))

    def compare(self, runs: Sequence[Run], slices: int) -> list[float]:
        """ns per packet of each run: finer than `measure`, for programs that differ by little.

        Short slices in turn. Of the turns, the least disturbed quarter counts.
        """
        for run in runs:
            self.go(run, max(run.flows, _PACKETS) if run.flows != 1 else _SLICE)
        return quiet_medians([[self._slice(run) for run in runs] for _ in range(slices)])

    def _slice(self, run: Run) -> float:
        if run.before:
            run.before()
        return self.go(run, _SLICE // 2, step=STEP if run.flows else 1)

    def go(self, run: Run, packets: int, *, step: int = 1) -> float:
        """Run so many packets, go on where the last round ended, and return ns per packet."""
        syscall.map_update(self._programs, _PLACE, struct.pack("=I", run.program))
        self.prepare(run, step=step)
        duration = _test_run(self.wrappers[run.answers], packets)
        run.next = (run.next + packets) % (1 << 32)
        return duration / packets

    def prepare(self, run: Run, *, step: int = 1) -> None:
        """The packets that are made from now on are those of `run`."""
        _RUN.pack_into(
            self._run,
            0,
            run.frame[:12],
            run.frame[12:14],
            0,
            run.next,
            step,
            ((run.flows or 1 << 32) - 1) << run.apart_bits & 0xFFFFFFFF,
            run.port_bits,
            run.frame[14:],
        )

    def _round(self, run: Run) -> float:
        if run.before:
            run.before()
        step = STEP if run.flows else 1
        warm_up = min(max(run.flows, _WARM_UP), _FULL) if run.flows != 1 else _SLICE
        self.go(run, warm_up, step=step)
        before = run.seen() if run.seen else 0
        took = [self.go(run, _SLICE, step=step) for _ in range(_PACKETS // _SLICE)]
        if run.seen and (met := run.seen() - before) < MET * _PACKETS:
            raise AssertionError(f"only {met} of {_PACKETS} packets met what they were to meet")
        return min(took)


def _test_run(program: int, packets: int) -> float:
    """ns that the process was on the CPU: finer than the kernel's own figure, in whole ns."""
    start = time.thread_time_ns()
    syscall.prog_test_run(program, bytes(FRAME), repeat=packets)
    return time.thread_time_ns() - start


@contextmanager
def ready() -> Iterator[Harness]:
    """A harness, this process on one CPU meanwhile, and no waiting before and after each slice.

    A program that is on no interface is put into the kernel's XDP dispatcher for each test run,
    and then taken out again: two waits for all CPUs, 16 ms in place of one.
    """
    with ExitStack() as stack:
        namespace = stack.enter_context(Namespace(f"{unique()}-bench"))
        namespace.netlink.link("add", ifname="a", kind="veth", peer={"ifname": "b"})
        harness = Harness()
        with namespace.entered():
            for wrapper, interface in zip(harness.wrappers, "ab", strict=True):
                index = namespace.index(interface)
                link = syscall.link_create(wrapper, index, syscall.ATTACH_XDP, NATIVE)
                stack.callback(os.close, link)
        with pinned():
            yield harness
