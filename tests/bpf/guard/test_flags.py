"""All combinations of the six TCP flags, in each state of a guard, for known and unknown flows.

What is expected is told by RFC 9293 and the mode, not by bpf/guard/filter.h.
"""

from __future__ import annotations

from itertools import combinations

import pytest
from scapy.all import Packet

from accel.datapath.guard.actions import Level, Rule
from accel.model.guard import GuardMode
from tests.support.guard.guarding import IPIP4, OF_VERSION, STATES, challenge, stance
from tests.support.packets.packets import LINK, leaves, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check

ALL = [set(chosen) for size in range(7) for chosen in combinations("FSRPAU", size)]
MODES = {"auth": GuardMode.AUTH, "retransmit": GuardMode.RETRANSMIT}
ANSWER = {"auth": "CHALLENGED", "retransmit": "FIRST_SYN"}


def nobody_sends(flags: set[str]) -> bool:
    """SYN with FIN or RST, none at all, and what is called XMAS."""
    return {"S", "F"} <= flags or {"S", "R"} <= flags or flags in (set(), {"F", "P", "U"})


def opens(flags: set[str]) -> bool:
    """The first segment of a connection."""
    return "S" in flags and not flags & {"A", "R", "F"}


def what_comes_of(
    flags: set[str], state: str, answer: str, *, known: bool
) -> tuple[str, list[str]]:
    """The verdict, and what is only noted."""
    found = []
    if nobody_sends(flags):
        found.append("BAD_FLAGS")
    if opens(flags):
        found.append(answer)
    elif not known:
        found.append("UNKNOWN_FLOW")
    forwarded = "FORWARD_FLOW" if known else "FORWARD_SYN" if "S" in flags else "FORWARD_NEW"
    if state == "attacked" and found:
        return found[0], []
    return forwarded, found if state == "watched" else []


def row(
    flags: set[str], state: str, mode: str, version: int = 4, more: str = "", *, known: bool = False
) -> Row:
    ports = LINK / to_api(version)
    packet: Packet = ports / tcp(IPIP4.port, "".join(sorted(flags)) + more)
    verdict, noted = what_comes_of(flags, state, ANSWER[mode], known=known)
    forwarded = verdict.startswith("FORWARD")
    return Row(
        name=f"{''.join(sorted(flags)) or 'none'}{more} over IPv{version}, {mode}, {state}"
        + (", of a known flow" if known else ""),
        packet=packet,
        verdict=verdict,
        service=OF_VERSION[version],
        backend=None if forwarded else 0,
        out=leaves(IPIP4, packet.payload)
        if forwarded
        else challenge(packet)
        if verdict == "CHALLENGED"
        else None,
        guards={OF_VERSION[version]: stance(STATES[state], MODES[mode])},
        noted=tuple(noted),
    )


UNKNOWN = [
    row(flags, state, mode, version)
    for mode, version in (("auth", 4), ("auth", 6), ("retransmit", 4))
    for state in STATES
    for flags in ALL
]
KNOWN = [row(flags, state, "auth", known=True) for state in STATES for flags in ALL]
ECN = [row(flags, "attacked", "auth", more="EC") for flags in ALL]
ROWS = [row(flags, "attacked", "auth") for flags in ALL]  # for test_broken.py


@pytest.mark.parametrize("row", [*UNKNOWN, *ECN], ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


@pytest.mark.parametrize("row", KNOWN, ids=str)
def test_row_of_a_known_flow(rig: Rig, row: Row) -> None:
    rig.count(bytes(LINK / to_api(4) / tcp(IPIP4.port)))
    check(rig, row)


ONE_RULE = {
    Rule.SYN: {"CHALLENGED"},
    Rule.UNKNOWN: {"UNKNOWN_FLOW"},
    Rule.FLAGS: {"BAD_FLAGS"},
    Rule.FRAGMENT: set(),
}


@pytest.mark.parametrize("level", [Level.MONITOR, Level.ON], ids=lambda level: level.name)
@pytest.mark.parametrize("rule", ONE_RULE, ids=lambda rule: rule.name)
def test_a_rule_by_itself(rig: Rig, rule: Rule, level: Level) -> None:
    """What the others would have found is neither refused nor noted."""
    rig.guard({OF_VERSION[4]: stance({rule: level})})
    for port, flags in enumerate(ALL, start=1):
        packet = LINK / to_api(4) / tcp(IPIP4.port, "".join(flags), sport=port)
        rig.count(bytes(packet))
    refused = {verdict.name for (_, _, verdict) in rig.counts() if not verdict.forward}
    noted = {verdict.name for _, verdict in rig.noted()}
    found, other = (noted, refused) if level is Level.MONITOR else (refused, noted)
    assert found == ONE_RULE[rule]
    assert other == set()
    assert sum(packets for packets, _ in rig.counts().values()) == len(ALL)
