"""Packets cut at every length, bytes turned over at every place: a verdict, and no harm done."""

from __future__ import annotations

import random

import pytest
from scapy.all import Padding

from accel.datapath.guard.actions import Level, Rule
from accel.model.guard import GuardMode, Rate
from accel.verdicts import Verdict
from tests.bpf.guard import (
    test_challenge,
    test_filters,
    test_flags,
    test_proofs,
    test_rates,
    test_retransmit,
)
from tests.bpf.packet import test_parse
from tests.bpf.steering import test_flows, test_forward, test_icmp, test_too_big
from tests.support.guard.guarding import ATTACKED, stance
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row

MODULES = (test_forward, test_parse, test_icmp, test_too_big, test_flows)
ROWS: list[Row] = [row for module in MODULES for row in module.ROWS]
OF_GUARDS = (
    *(test_challenge, test_filters, test_flags, test_proofs),
    *(test_rates, test_retransmit),
)
GUARDED: list[Row] = [row for module in OF_GUARDS for row in module.ROWS]
HEADERS = 200  # bytes: no header of a named packet goes on behind them
LEAST = 14  # what the kernel's test run takes, and any frame has


def harmless(rig: Rig, frame: bytes) -> Verdict:
    """Run `frame` and hold it to what is true of all frames."""
    outcome = rig.trace(frame)
    verdict = outcome.verdict
    allowed = {
        "PASS": {"XDP_PASS"},
        "DROP": {"XDP_DROP"},
        "TX": {"XDP_TX"},
        "FORWARD": {"XDP_PASS", "XDP_TX", "XDP_REDIRECT"},
    }
    assert outcome.action in allowed[verdict.action], verdict.name
    assert verdict.forward or outcome.ifindex == 0 or outcome.backend > 0
    if outcome.action == "XDP_PASS":
        assert outcome.frame == frame, f"{verdict.name} changed {frame.hex()}"
    return verdict


def test_frames_cut_at_every_length(rig: Rig) -> None:
    """Each named packet from 14 bytes on, whose lengths then say more than there is."""
    seen = set()
    frames = {bytes(row.packet)[:HEADERS] for row in ROWS if Padding not in row.packet}
    for frame in sorted({f[:size] for f in frames for size in range(LEAST, len(f))}):
        seen.add(harmless(rig, frame))
    assert not {v.name for v in seen if v.forward}, "a cut IP packet was forwarded"
    assert {"MALFORMED", "NOT_IP"} <= {v.name for v in seen}


def test_frames_that_end_early_and_say_so(rig: Rig) -> None:
    """The same with IP lengths that are true: then it is the headers behind IP that are cut."""
    seen = set()
    for row in ROWS:
        frame = bytes(row.packet)[:HEADERS]
        for size in range(LEAST + 20, len(frame)):
            seen.add(harmless(rig, with_length(frame[:size])))
    assert {"BAD_TRANSPORT", "ICMP_OTHER", "FORWARD_NEW"} <= {v.name for v in seen}


def with_length(frame: bytes) -> bytes:
    """`frame` with the length in its IP header made true, where it is untagged IP."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        return frame[:16] + (len(frame) - 14).to_bytes(2, "big") + frame[18:]
    if kind == b"\x86\xdd" and len(frame) >= 54:
        return frame[:18] + (len(frame) - 54).to_bytes(2, "big") + frame[20:]
    return frame


def test_frames_with_every_byte_changed(rig: Rig) -> None:
    """Each byte of each header set to what hurts most, and to what chance brings."""
    chance = random.Random(1)
    for row in ROWS[:: len(ROWS) // 120]:
        frame = bytes(row.packet)
        for at in range(min(len(frame), 100)):
            for value in (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)):
                harmless(rig, frame[:at] + bytes([value]) + frame[at + 1 :])


@pytest.mark.parametrize("mode", [GuardMode.AUTH, GuardMode.RETRANSMIT], ids=lambda m: m.name)
def test_under_attack_they_do_no_harm_either(rig: Rig, mode: GuardMode) -> None:
    """Cut and changed, with all guards on, whose challenges must leave no broken frame."""
    levels = {**ATTACKED, Rule.UDP_RATE: Level.ON, Rule.ICMP_RATE: Level.ON}
    rates = {"udp": Rate(per_second=1), "icmp": Rate(per_second=1)}
    rig.guard(dict.fromkeys(rig.world.services, stance(levels, mode, **rates)))
    chance, seen = random.Random(2), set()
    for row in GUARDED[:: len(GUARDED) // 80]:
        frame = bytes(row.packet)
        for size in range(LEAST, min(HEADERS, len(frame))):
            seen.add(harmless(rig, frame[:size]))
            seen.add(harmless(rig, with_length(frame[:size])))
        for at in range(min(len(frame), 100)):
            seen.add(harmless(rig, frame[:at] + bytes([chance.randrange(256)]) + frame[at + 1 :]))
    answer = "CHALLENGED" if mode is GuardMode.AUTH else "FIRST_SYN"
    assert {answer, "BAD_FLAGS", "UNKNOWN_FLOW", "FIRST_FRAGMENT"} <= {v.name for v in seen}


OF_COOKIES_AND_PREFIXES = {"COOKIE", "BAD_COOKIE", "DENIED"}  # test_cookies.py, test_prefixes.py


def test_every_verdict_has_a_row() -> None:
    """Those of cookies and prefixes have theirs where what they need is at hand."""
    rows = {row.verdict for row in (*ROWS, *GUARDED)}
    assert rows | OF_COOKIES_AND_PREFIXES == {verdict.name for verdict in Verdict}


@pytest.mark.parametrize("size", [0, 1, 13])
def test_the_kernel_refuses_less_than_an_ethernet_header(rig: Rig, size: int) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        rig.count(bytes(size))
