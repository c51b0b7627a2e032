"""Mode cookie-backend at the gateway: SYNs answered with cookies, and what acknowledges one."""

from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, Packet, Raw

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import GuardMode, Rate
from accel.verdicts import Verdict
from tests.model.cookie_model import MSS, Asked, asked, cookie, kept_mss, option_bits
from tests.support.packets.guarding import ATTACKED, IPIP4, OF_VERSION, WATCHED, challenge, stance
from tests.support.packets.packets import (
    CLIENT_PORT,
    LINK,
    LINK_BACK,
    QINQ,
    VLAN5,
    leaves,
    padded,
    tcp,
    to_api,
)
from tests.support.packets.rig import GUARD_KEYS, Rig
from tests.support.packets.row import Row, check, same_frame

ON = stance(ATTACKED, GuardMode.COOKIE_BACKEND)
CURRENT = GUARD_KEYS.generation
ISN = 0xFFFF_FF00  # sequence numbers wrap
WINDOW = 64240
LINUX = bytes.fromhex("020405b4 0402080a 00000007 00000000 01030307")
LAYOUTS = {
    "none": "",
    "Linux": "020405b4 0402080a 00000007 00000000 01030307",
    "Linux without timestamps": "020405b4 01010402 01030307",
    "macOS": "020405b4 01030306 0101080a 89abcdef 00000000 04020000",
    "Windows": "020405b4 01030308 01010402",
    "Windows with timestamps": "020405b4 01030308 0402080a 00000001 00000000",
    "FreeBSD": "020405b4 01030306 0402080a ffffffff 00000000",
    "OpenBSD": "020405b4 01010402 01030306 0101080a 12345678 00000000",
    "MSS alone": "020405b4",
    "scale alone": "03030701",
    "SACK alone": "04020101",
    "timestamps alone": "0101080a 00000009 00000000",
    "backwards": "03030a01 0101080a 00000009 00000000 04020101 02040500",
    "no NOPs": "020405b4 0402 030307 080a 00000009 00000000 00",
    "NOPs in front": "01010101 01010101 020405b4 03030201",
    "40 bytes of NOPs": "01" * 40,
    "40 bytes": "020405b4 0402080a 00000007 00000000 01030307 fe14" + "ab" * 18,
    "fast open": "020405b4 0402080a 00000007 00000000 01030307 220a 0102030405060708 0101",
    "multipath": "020405b4 01010402 01030307 1e0c 0081 0011223344556677",
    "MD5": "020405b4 1312" + "5a" * 16 + "0101",
    "end, and more behind": "020405b4 00030307 04020101",
    "end at once": "00040201",
    "unknown of length 2": "fe02fe02 020405b4",
    "a length of 0": "020405b4 0300 0307 0402 0101",
    "a length of 1": "020405b4 fe01 0402 0101 0101",
    "length beyond the end": "020405b4 01010101 0402030a",
    "MSS cut": "04020204",
    "a kind at the very end": "04020103",
    "unknown of length 255": "feff0402 020405b4",
    "MSS of a wrong length": "0203 0501 020505b4 0101",
    "scale of a wrong length": "020405b4 03020303 04010101",
    "SACK of a wrong length": "040304 01 020405b4",
    "timestamps of a wrong length": "0809 00000001 000000 01 020405b4",
    "MSS twice": "02040200 02040300 02040500",
    "scale twice": "0303 02 01 0303 05 01",
    "timestamps twice": "080a 00000001 00000002 0101 080a 00000003 00000004 0101",
    "MSS 0": "02040000 04020101",
    "MSS, then 0": "02040514 02040000",
    "scale 0": "020405b4 01030300 01010402",
    "scale 14": "020405b4 0103030e 01010402",
    "scale 15": "020405b4 0103030f 01010402",
    "scale 255": "020405b4 010303ff 0402080a 00000001 00000000",
    "scale 16 in a list": "03031000",
    "nearly Linux": "020405b4 0402080a 00000007 00000000 02030307",
    "nearly Windows": "020405b4 01030308 01010403",
    "nearly macOS": "020405b4 01030306 0101080a 89abcdef 00000000 04020100",
}


WORDS = list(struct.iter_unpack("4s", LINUX + bytes.fromhex("0101080a 01010402 04020000")))


def syn(version: int, options: bytes = LINUX, flags: str = "S", **fields: object) -> Packet:
    """A SYN whose options are these bytes."""
    header = tcp(IPIP4.port, flags, seq=ISN, dataofs=5 + len(options) // 4, **fields)
    return LINK / to_api(version) / header / Raw(options)


def pair(packet: Packet) -> tuple[bytes, bytes]:
    """The addresses of a packet."""
    raw = bytes(packet[IP] if IP in packet else packet[IPv6])
    return (raw[12:16], raw[16:20]) if IP in packet else (raw[8:24], raw[24:40])


def cookie_of(
    packet: Packet,
    *,
    generation: int = CURRENT,
    ecn: bool = False,
    announced: int = 7,
    key: tuple[int, int] | None = None,
    asks: Asked | None = None,
) -> int:
    """The cookie that answers a SYN."""
    options = asks or asked(bytes(packet[TCP])[20 : packet[TCP].dataofs * 4])
    return cookie(
        key or GUARD_KEYS.cookie[generation % 4],
        generation,
        *pair(packet),
        struct.pack("!HH", packet[TCP].sport, packet[TCP].dport),
        isn=packet[TCP].seq,
        bits=option_bits(4 if IP in packet else 6, options, ecn=ecn),
        announced=announced,
    )


def syn_ack(
    packet: Packet,
    time: int | None,
    *,
    link: Packet = LINK_BACK,
    ecn: bool = False,
    guard: Stance = ON,
    asks: Asked | None = None,
) -> Packet:
    """The answer (RFC 9293 3.10.7.2), with our timestamp: each option only if the client has it."""
    options = asks or asked(bytes(packet[TCP])[20 : packet[TCP].dataofs * 4])
    version = 4 if IP in packet else 6
    listed: list[tuple[str, object]] = [("MSS", guard.mss[version])]
    if options.scale is not None:
        listed += [("NOP", None), ("WScale", guard.wscale)]
    elif options.sack or options.time:
        listed += [("NOP", None)] * 4
    if options.sack:
        listed += [] if options.time else [("NOP", None)] * 2
        listed += [("SAckOK", b"")]
    elif options.time:
        listed += [("NOP", None)] * 2
    if options.time:
        listed += [("Timestamp", (time, int.from_bytes(options.time, "big")))]
    if version == 4:
        back = IP(src=packet[IP].dst, dst=packet[IP].src, ttl=64, id=0, flags="DF")
    else:
        back = IPv6(src=packet[IPv6].dst, dst=packet[IPv6].src, hlim=64)
    header = TCP(
        sport=packet[TCP].dport,
        dport=packet[TCP].sport,
        flags="SAE" if ecn else "SA",  # RFC 3168 6.1.1: ECE alone
        seq=cookie_of(packet, ecn=ecn, announced=guard.wscale, asks=asks),
        ack=(packet[TCP].seq + 1) % (1 << 32),
        window=WINDOW,
        options=listed,
    )
    return link / back / header


def time_in(frame: bytes) -> int | None:
    """The timestamp of an answer: it is the gateway's to choose."""
    options = dict(Ether(frame)[TCP].options)
    return options["Timestamp"][0] if "Timestamp" in options else None


def check_answer(rig: Rig, packet: Packet, **expected: object) -> None:
    """Run a SYN, counted and traced, and compare the answer byte by byte."""
    frame, service = bytes(packet), OF_VERSION[4 if IP in packet else 6]
    packet = Ether(frame)
    rig.guard({service: expected.get("guard", ON)})  # type: ignore[dict-item]
    before, traced = rig.memory(), rig.trace(frame) if rig.traces else None
    assert rig.memory() == before
    counts = rig.counts()
    done = rig.count(frame)
    index = rig.world.services[service].index
    new = {k: v for k, v in rig.counts().items() if counts.get(k) != v}
    had = counts.get(("service", index, Verdict.COOKIE), (0, 0))
    assert new == {("service", index, Verdict.COOKIE): (had[0] + 1, had[1] + len(frame))}
    for left, action in [(done.packet, done.action)] + (
        [(traced.frame, traced.action)] if traced else []
    ):
        assert action == "XDP_TX"
        answer = syn_ack(packet, time_in(left), **expected)  # type: ignore[arg-type]
        same_frame(frame, bytes(answer), left)
    assert not rig.flow_words.any()
    assert not rig.words("proven").any()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_syn_is_answered(rig: Rig, layout: str, version: int) -> None:
    options = bytes.fromhex(LAYOUTS[layout])
    options += bytes(-len(options) % 4)
    assert len(options) <= 40
    check_answer(rig, syn(version, options), asks=asked(options))


ASKED = {
    "Linux": Asked(mss=1460, scale=7, sack=True, time=b"\0\0\0\x07"),
    "macOS": Asked(mss=1460, scale=6, sack=True, time=b"\x89\xab\xcd\xef"),
    "Windows": Asked(mss=1460, scale=8, sack=True),
    "end, and more behind": Asked(mss=1460),
    "MSS twice": Asked(mss=1280),
    "timestamps twice": Asked(time=b"\0\0\0\x03"),
    "a length of 1": Asked(mss=1460),
    "MSS of a wrong length": Asked(),
}


@pytest.mark.parametrize("layout", ASKED)
def test_the_model_reads_options_as_they_are_meant(layout: str) -> None:
    assert asked(bytes.fromhex(LAYOUTS[layout])) == ASKED[layout]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(
        st.one_of(
            st.binary(min_size=4, max_size=4),
            st.sampled_from([word for (word,) in WORDS]),
            st.tuples(st.sampled_from(range(10)), st.sampled_from(range(12))).map(
                lambda kind: bytes([kind[0], kind[1], 3, 1])
            ),
        ),
        max_size=10,
    ),
    version=st.sampled_from([4, 6]),
)
def test_any_options_are_read_as_the_model_reads_them(
    rig: Rig, words: list[bytes], version: int
) -> None:
    options = b"".join(words)
    wanted = asked(options)
    rig.guard({OF_VERSION[version]: ON})
    left = rig.count(bytes(syn(version, options)))
    answer = Ether(left.packet)[TCP]
    if kept_mss(version, wanted.mss) is None:
        assert (answer.flags, answer.seq) == ("A", 0), "challenged"
        return
    packet = Ether(bytes(syn(version, options)))
    expected = syn_ack(packet, time_in(left.packet), asks=wanted)
    same_frame(bytes(packet), bytes(expected), left.packet)


@pytest.mark.parametrize(
    ("version", "mss", "kept"),
    [
        *((4, m, k) for m, k in ((536, 536), (1299, 536), (1300, 1300), (1439, 1300))),
        *((4, m, k) for m, k in ((1440, 1440), (1459, 1440), (1460, 1460), (65535, 1460))),
        *((6, m, k) for m, k in ((1220, 1220), (1359, 1220), (1360, 1360), (1419, 1360))),
        *((6, m, k) for m, k in ((1420, 1420), (1440, 1440), (8940, 1440), (65535, 1440))),
    ],
)
def test_no_client_is_sent_more_than_its_mss(rig: Rig, version: int, mss: int, kept: int) -> None:
    packet = syn(version, struct.pack("!BBH", 2, 4, mss))
    check_answer(rig, packet)
    answer = Ether(rig.count(bytes(packet)).packet)[TCP]
    assert MSS[version][answer.seq >> 28 & 3] == kept


@pytest.mark.parametrize(("version", "mss"), [(4, 535), (4, 1), (6, 1219), (6, 536)])
def test_a_client_with_a_smaller_mss_is_challenged(rig: Rig, version: int, mss: int) -> None:
    packet = Ether(bytes(syn(version, struct.pack("!BBH", 2, 4, mss))))
    service = OF_VERSION[version]
    check(
        rig,
        Row(
            name="challenged",
            packet=packet,
            verdict="CHALLENGED",
            service=service,
            backend=0,
            out=challenge(packet),
            guards={service: ON},
        ),
    )


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("flags", "ecn"), [("SE", False), ("SC", False), ("SEC", True)])
def test_ecn_is_granted_to_those_who_ask(rig: Rig, version: int, flags: str, ecn: bool) -> None:
    check_answer(rig, syn(version, flags=flags), ecn=ecn)


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_announced_is_the_guards(rig: Rig, version: int) -> None:
    guard = dataclasses.replace(ON, wscale=9, mss={4: 1380, 6: 1300})
    check_answer(rig, syn(version), guard=guard)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("tags", [VLAN5, QINQ], ids=["VLAN", "QinQ"])
def test_tags_stay(rig: Rig, version: int, tags: Packet) -> None:
    check_answer(rig, LINK / tags / syn(version).payload, link=LINK_BACK / tags)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("options", [b"", LINUX])
def test_padding_and_data_are_left_out(rig: Rig, version: int, options: bytes) -> None:
    check_answer(rig, padded(syn(version, options)), asks=asked(options))
    check_answer(rig, padded(syn(version, options), 128), asks=asked(options))
    check_answer(rig, syn(version, options) / Raw(b"GET / HTTP/1.1"), asks=asked(options))


def test_headers_in_front_of_tcp(rig: Rig) -> None:
    behind = syn(6)[TCP]
    check_answer(rig, LINK / to_api(6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / behind)
    check_answer(rig, LINK / to_api(4, options=b"\x01" * 8) / syn(4)[TCP])


# What acknowledges a cookie


def acknowledging(
    version: int,
    *,
    flags: str = "A",
    data: bytes = b"",
    seq: int = 1,
    ack: int = 1,
    packet: Packet | None = None,
    fields: dict[str, object] | None = None,
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
