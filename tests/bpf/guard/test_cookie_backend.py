"""Mode cookie-backend at the gateway: SYNs are answered with cookies."""

from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, Packet, Raw

from accel.verdicts import Verdict
from tests.model.cookie_model import MSS, Asked, asked, kept_mss
from tests.support.guard.cookies import LINUX, ON, syn, syn_ack
from tests.support.guard.guarding import OF_VERSION, challenge
from tests.support.packets.packets import LINK, LINK_BACK, QINQ, VLAN5, padded, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check, same_frame

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
    had = counts.get(("service", index, Verdict["COOKIE"]), (0, 0))
    assert new == {("service", index, Verdict["COOKIE"]): (had[0] + 1, had[1] + len(frame))}
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
