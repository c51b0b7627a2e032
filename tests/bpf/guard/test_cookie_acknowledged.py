"""Mode cookie-backend at the gateway: what acknowledges a cookie, and what does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
from scapy.all import IP, TCP, Ether, Packet

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import GuardMode, Rate
from tests.support.guard.cookies import CURRENT, ISN, ON, cookie_of, syn
from tests.support.guard.guarding import ATTACKED, IPIP4, OF_VERSION, WATCHED, challenge, stance
from tests.support.packets.packets import CLIENT_PORT, LINK, leaves, padded, tcp, to_api
from tests.support.packets.rig import GUARD_KEYS, Rig
from tests.support.packets.row import Row, check


def acknowledging(
    version: int,
    *,
    flags: str = "A",
    data: bytes = b"",
    seq: int = 1,
    ack: int = 1,
    packet: Packet | None = None,
    fields: Mapping[str, object] | None = None,
    **cookies: object,
) -> Packet:
    """The client's answer to the answer: `seq` and `ack` beyond its number and the cookie."""
    opening = Ether(bytes(packet or syn(version)))
    made = cookie_of(opening, **cookies)  # type: ignore[arg-type]
    header = tcp(IPIP4.port, flags, seq=(ISN + seq) % 2**32, ack=(made + ack) % 2**32)
    return LINK / to_api(version, **(fields or {})) / header / data


def row(name: str, packet: Packet, verdict: str, guard: Stance = ON, **more: object) -> Row:
    service = OF_VERSION[4 if IP in packet else 6]
    settings: dict[str, object] = {"guards": {service: guard}, **more}
    if verdict.startswith("FORWARD"):
        settings["out"] = leaves(IPIP4, packet.payload)
    else:
        settings["backend"] = 0
    return Row(name=name, packet=packet, verdict=verdict, service=service, **settings)  # type: ignore[arg-type]


def valid(name: str, packet: Packet, guard: Stance = ON, **more: object) -> Row:
    return row(name, packet, "FORWARD_NEW", guard, noted=("PROVEN",), **more)


def bad(name: str, packet: Packet, guard: Stance = ON, **more: object) -> Row:
    return row(name, packet, "BAD_COOKIE", guard, **more)


UNKNOWN_OFF = stance({Rule.SYN: Level.ON}, GuardMode.COOKIE_BACKEND)
LINGER = stance({Rule.SYN: Level.LINGER}, GuardMode.COOKIE_BACKEND)
UNKNOWN_WATCHED = stance(
    {Rule.SYN: Level.ON, Rule.UNKNOWN: Level.MONITOR}, GuardMode.COOKIE_BACKEND
)
MONITOR = stance(WATCHED, GuardMode.COOKIE_BACKEND)
ACKNOWLEDGED = [
    r
    for v in (4, 6)
    for r in (
        valid(f"the bare ACK {v}", acknowledging(v)),
        valid(f"data on it {v}", acknowledging(v, flags="PA", data=b"GET / HTTP/1.1")),
        valid(f"its end on it {v}", acknowledging(v, flags="FA")),
        valid(f"congestion on it {v}", acknowledging(v, flags="AEC", ecn=True)),
        valid(f"key of before {v}", acknowledging(v, generation=CURRENT - 1)),
        valid(f"other options {v}", acknowledging(v, packet=syn(v, b"\2\4\5\xb4"))),
        valid(f"padded {v}", padded(acknowledging(v))),
        valid(f"unknown flows are let through {v}", acknowledging(v), UNKNOWN_OFF),
        valid(f"just after the attack {v}", acknowledging(v), LINGER),
        valid(f"announced otherwise {v}", acknowledging(v, announced=3),
              dataclasses.replace(ON, wscale=3)),
        bad(f"key to come {v}", acknowledging(v, generation=CURRENT + 1)),
        bad(f"key of long before {v}", acknowledging(v, generation=CURRENT - 2)),
        bad(f"a foreign key {v}", acknowledging(v, key=(1, 2))),
        bad(f"another generation's key {v}", acknowledging(v, key=GUARD_KEYS.cookie[0])),
        bad(f"a window scale that was not announced {v}", acknowledging(v, announced=8)),
        bad(f"another port {v}", acknowledging(v, packet=syn(v, sport=CLIENT_PORT + 1))),
        bad(f"ECN that was not asked for {v}", acknowledging(v, ack=1 + (1 << 22))),
        bad(f"another MSS {v}", acknowledging(v, packet=syn(v, b"\2\4\5\xa0"), ack=1 + (1 << 29))),
        *(bad(f"seq {d:+} {v}", acknowledging(v, seq=1 + d)) for d in (-1, 1, 1448)),
        *(bad(f"ack {d:+} {v}", acknowledging(v, ack=1 + d)) for d in (-1, 1, 1 << 21)),
        row(f"a RST {v}", acknowledging(v, flags="RA"), "UNKNOWN_FLOW"),
        row(f"a SYN+ACK {v}", acknowledging(v, flags="SA"), "UNKNOWN_FLOW"),
        row(f"a FIN alone {v}", acknowledging(v, flags="F"), "UNKNOWN_FLOW"),
        row(f"bad, and let through {v}", acknowledging(v, seq=2), "FORWARD_NEW", UNKNOWN_OFF),
        row(f"bad, just after {v}", acknowledging(v, seq=2), "FORWARD_NEW", LINGER),
        row(f"bad, and watched {v}", acknowledging(v, seq=2), "FORWARD_NEW", UNKNOWN_WATCHED,
            noted=("BAD_COOKIE",)),
        row(f"watched altogether {v}", acknowledging(v), "FORWARD_NEW", MONITOR,
            noted=("UNKNOWN_FLOW",)),
    )
]  # fmt: skip
OTHER_ADDRESS = {4: {"src": "198.51.100.8"}, 6: {"src": "2001:db8:c::8"}}


@pytest.mark.parametrize("row", ACKNOWLEDGED, ids=str)
def test_what_acknowledges(rig: Rig, row: Row) -> None:
    check(rig, row)


@pytest.mark.parametrize("version", [4, 6])
def test_another_address(rig: Rig, version: int) -> None:
    check(rig, bad("address", acknowledging(version, fields=OTHER_ADDRESS[version])))


@pytest.mark.parametrize("version", [4, 6])
def test_the_gateway_takes_its_own_cookie(rig: Rig, version: int) -> None:
    rig.guard({OF_VERSION[version]: ON})
    made = Ether(rig.count(bytes(syn(version))).packet)[TCP].seq
    back = LINK / to_api(version) / tcp(IPIP4.port, "A", seq=ISN + 1, ack=(made + 1) % 2**32)
    check(rig, valid("its own", back))
    check(rig, row("and then the flow is known", back, "FORWARD_FLOW"))


@pytest.mark.parametrize("version", [4, 6])
def test_keys_roll(rig: Rig, version: int) -> None:
    back = acknowledging(version)
    rig.keys = dataclasses.replace(GUARD_KEYS, generation=CURRENT + 1)
    check(rig, valid("of the key before", back))
    rig.forget()
    rig.keys = dataclasses.replace(GUARD_KEYS, generation=CURRENT + 2)
    check(rig, bad("expired", back))


@pytest.mark.parametrize("version", [4, 6])
def test_monitor_only_notes(rig: Rig, version: int) -> None:
    check(rig, row("a SYN", syn(version), "FORWARD_SYN", MONITOR, noted=("COOKIE",)))


def test_no_syn_is_answered_any_more_after_the_attack(rig: Rig) -> None:
    check(rig, row("a SYN", syn(4), "FORWARD_SYN", LINGER))


def test_valid_cookies_are_paced(rig: Rig) -> None:
    levels = {**ATTACKED, Rule.SYN_RATE: Level.ON}
    guard = stance(levels, GuardMode.COOKIE_BACKEND, syn=Rate(per_second=1, burst=1))
    other = Ether(bytes(syn(4, sport=CLIENT_PORT + 1)))
    back = LINK / to_api(4) / TCP(sport=CLIENT_PORT + 1, dport=IPIP4.port, flags="A", seq=ISN + 1)
    back[TCP].ack = (cookie_of(other) + 1) % 2**32
    check(rig, valid("the first", acknowledging(4), guard))
    check(rig, row("the second", back, "SYN_RATE", guard, noted=("PROVEN",)))


def test_a_proven_source_still_gets_cookies(rig: Rig) -> None:
    proof = LINK / to_api(4) / tcp(IPIP4.port, "R", seq=0)
    proof[TCP].seq = Ether(bytes(challenge(syn(4))))[TCP].ack
    rig.guard({OF_VERSION[4]: ON})
    rig.count(bytes(proof))
    assert rig.words("proven").any()
    left = rig.count(bytes(syn(4)))
    assert Ether(left.packet)[TCP].seq == cookie_of(Ether(bytes(syn(4))))
    check(rig, row("a stray of it", acknowledging(4, seq=9), "FORWARD_NEW"))
