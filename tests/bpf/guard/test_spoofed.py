"""Floods of millions of spoofed packets: what has been learned is afterwards as it was before."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.all import TCP

from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf
from accel.model.guard import GuardMode
from tests.support.guard.guarding import ATTACKED, IPIP4, TCP4, proof, stance, syn
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import Rig

FRAME = bytes(syn())
SLICE = 500_000  # packets in one system call
SOURCES = [f"198.51.{100 + n // 200}.{1 + n % 200}" for n in range(300)]


class Flood:
    """spoof.c, loaded, with the gateway as the program that it calls."""

    def __init__(self, rig: Rig) -> None:
        self._compiled = compile_bpf(Path(__file__).with_name("spoof.c"))
        self._program = self._compiled.load("spoof")
        self._template = mmap.mmap(self._compiled.map_fd("templates"), mmap.PAGESIZE)
        programs = self._compiled.map_fd("programs")
        syscall.map_update(programs, bytes(4), struct.pack("=I", rig.datapath.program))

    def send(self, packets: int, flags: str) -> None:
        """So many, each with one of `flags`, such as "S A R"."""
        each = bytes(int(TCP(flags=f).flags) for f in flags.split())
        self._template[: len(FRAME) + 4] = FRAME + (each * 4)[:4]
        for _ in range(packets // SLICE):
            syscall.prog_test_run(self._program, FRAME, repeat=SLICE)

    def close(self) -> None:
        """Let go of it."""
        self._template.close()
        self._compiled.close()


@pytest.fixture
def flood(rig: Rig) -> Iterator[Flood]:
    """A flood at the rig's gateway."""
    flood = Flood(rig)
    yield flood
    flood.close()


def learn(rig: Rig) -> None:
    """Flows that live and sources that are proven, as many as there is room for."""
    for source in SOURCES:
        rig.count(bytes(proof(src=source)))
    for port in range(1000, 1200):
        frame = bytes(LINK / to_api(4) / tcp(IPIP4.port, sport=port))
        rig.count(frame)
        rig.count(frame)


def learned(rig: Rig) -> dict[str, bytes]:
    return {name: rig.words(name).tobytes() for name in ("flows", "proven", "paces")}


MILLION = 1_000_000
FLOODS = {
    "SYNs": (5 * MILLION, "S", GuardMode.AUTH, {"CHALLENGED"}),
    "SYNs, mode retransmit": (MILLION, "S", GuardMode.RETRANSMIT, {"FIRST_SYN"}),
    "ACKs": (MILLION, "A", GuardMode.AUTH, {"UNKNOWN_FLOW"}),
    "RSTs": (MILLION, "R", GuardMode.AUTH, {"UNKNOWN_FLOW"}),
    "all of them": (MILLION, "S A R FPU", GuardMode.AUTH,
                    {"CHALLENGED", "UNKNOWN_FLOW", "BAD_FLAGS"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FLOODS)
def test_spoofed_packets_leave_no_trace(rig: Rig, flood: Flood, kind: str) -> None:
    packets, flags, mode, verdicts = FLOODS[kind]
    rig.guard({TCP4: stance(ATTACKED, mode)})
    learn(rig)
    before, counts = learned(rig), rig.counts()
    assert (rig.words("proven") != 0).sum() == len(SOURCES)
    flood.send(packets, flags)
    new = {
        verdict.name: packets - counts.get((kind, index, verdict), (0, 0))[0]
        for (kind, index, verdict), (packets, _) in rig.counts().items()
    }
    lucky = new.pop("PROVEN", 0)  # a number that is drawn is right once in a billion times
    assert {name for name, count in new.items() if count} == verdicts, "none was forwarded"
    assert sum(new.values()) == packets - lucky
    assert lucky <= ("R" in flags)
    if not lucky:
        assert learned(rig) == before
    for source in SOURCES:
        assert rig.trace(bytes(syn(src=source))).verdict.name == "FORWARD_SYN"


def test_without_a_guard_spoofed_syns_leave_no_trace_either(rig: Rig, flood: Flood) -> None:
    learn(rig)
    before = learned(rig)
    flood.send(MILLION, "S")
    assert learned(rig) == before
    counts = {verdict.name: packets for (_, _, verdict), (packets, _) in rig.counts().items()}
    assert counts["FORWARD_SYN"] == MILLION
