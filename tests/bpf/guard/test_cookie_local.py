"""Mode cookie-local, packet by packet: what is announced, and which acknowledgements go on.

The number of a SYN-ACK is the kernel's to choose; that it is a good one is shown by the kernel's
check of what acknowledges it, here, and by listeners that take it, in tests/wire.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import reduce
from operator import truediv

import pytest
from scapy.all import IP, TCP, Ether, IPv6, Packet, Raw

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.local_cookies import Option
from accel.ebpf import probes
from accel.model.guard import GuardMode
from accel.verdicts import Verdict
from tests.support.guard.guarding import ATTACKED, JUST_ATTACKED, WATCHED, stance
from tests.support.packets.packets import CLIENT_PORT, LINK, LINK_BACK, QINQ, VLAN5, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.row import same_frame
from tests.support.packets.world import WAYS

PORT = WAYS["local"].port
SERVICE = {4: "local-tcp4", 6: "local-tcp6"}
ALL = Option.TIMESTAMPS | Option.SACK | Option.SCALE | Option.ECN
SCALE = 9
MSS = {4: 1400, 6: 1380}
WINDOW = 64240
STAMP_SACK, STAMP_ECN, NO_SCALE = 1 << 4, 1 << 5, 15  # net/ipv4/syncookies.c
STAMP = 64
ISN = 0x12345678
VERSIONS = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture(autouse=True)
def _raw_cookies() -> None:
    try:
        probes.syn_cookie()
    except OSError as error:
        pytest.skip(f"this kernel makes no raw SYN cookies: {error.strerror}")


def local(levels: dict[Rule, Level] = ATTACKED, options: Option = ALL) -> dict[str, Stance]:
    plain = stance(levels, GuardMode.COOKIE_LOCAL)
    return dict.fromkeys(
        SERVICE.values(),
        Stance(mode=plain.mode, levels=levels, options=options, wscale=SCALE, mss=MSS),
    )


def syn(version: int, options: list[object], flags: str = "S", **fields: object) -> Packet:
    return to_api(version) / tcp(PORT, flags, seq=ISN, options=options, **fields)


def answer(rig: Rig, packet: Packet, link: Packet = LINK) -> Packet:
    left = rig.count(bytes(link / packet))
    assert left.action == "XDP_TX"
    return Ether(left.packet)


def acknowledgement(
    version: int, cookie: int, payload: bytes = b"", fields: Mapping[str, int] | None = None
) -> bytes:
    given = {"seq": ISN + 1, "ack": (cookie + 1) % (1 << 32), **(fields or {})}
    return bytes(LINK / to_api(version) / tcp(PORT, "A", **given) / Raw(payload))


def clock() -> int:
    """The kernel's clock of timestamps, in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


TIME = 0xDEADBEEF
NOP = ("NOP", None)
SACK = ("SAckOK", b"")
CLIENTS: dict[str, tuple[list[object], set[str], int]] = {
    # Options of a SYN; which of them are kept with timestamps; the client's scale.
    "Linux": ([("MSS", 1460), SACK, ("Timestamp", (TIME, 0)), NOP, ("WScale", 7)], {"sack"}, 7),
    "macOS": (
        [("MSS", 1460), NOP, ("WScale", 6), NOP, NOP, ("Timestamp", (TIME, 0)), SACK, ("EOL", 0)],
        {"sack"},
        6,
    ),
    "no SACK": ([("Timestamp", (TIME, 0)), ("WScale", 3)], set(), 3),
    "no scale": ([SACK, ("Timestamp", (TIME, 0))], {"sack"}, NO_SCALE),
    "a scale too large": ([("WScale", 200), ("Timestamp", (TIME, 0))], set(), 14),
    "only timestamps": ([NOP, NOP, ("Timestamp", (TIME, 0))], set(), NO_SCALE),
}


@VERSIONS
@pytest.mark.parametrize("ecn", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_options_are_where_the_kernel_looks_for_them(
    rig: Rig, version: int, client: str, ecn: bool
) -> None:
    options, kept, scale = CLIENTS[client]
    rig.guard(local())
    before = clock()
    got = answer(rig, syn(version, options, "SEC" if ecn else "S"))
    after = clock()
    said = dict(got[TCP].options)
    stamp, echoed = said["Timestamp"]
    assert echoed == TIME
    assert stamp % STAMP == scale | (STAMP_SACK if "sack" in kept else 0) | (STAMP_ECN * ecn)
    assert (after - stamp) % (1 << 32) < (1 << 31), "ahead of the kernel's clock"
    assert (stamp + 20 * STAMP - before) % (1 << 32) < (1 << 31), "far behind it"
    assert ("SAckOK" in said) == ("sack" in kept)
    assert said.get("WScale") == (None if scale == NO_SCALE else SCALE)
    assert got[TCP].flags == ("SAE" if ecn else "SA")


@VERSIONS
@pytest.mark.parametrize("tags", [(), (VLAN5,), (QINQ,)], ids=["", "vlan", "qinq"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        [("MSS", 1460)],
        [("MSS", 0)],
        [("MSS", 1460), NOP, ("WScale", 8), NOP, NOP, SACK],
        [("MSS", 1460), NOP, NOP, SACK, NOP, ("WScale", 8)],
        [SACK],
        [(254, b"")] * 3,
    ],
    ids=str,
)
def test_without_timestamps_only_the_mss_is_announced(
    rig: Rig, version: int, options: list[object], tags: tuple[Packet, ...]
) -> None:
    rig.guard(local())
    link, back = reduce(truediv, tags, LINK), reduce(truediv, tags, LINK_BACK)
    # One with timestamps first: nothing of it may be left.
    answer(rig, syn(version, CLIENTS["Linux"][0]))
    got = answer(rig, syn(version, options, "SEC"), link)
    ip = (
        IP(src=to_api(4).dst, dst=to_api(4).src, ttl=64, id=0, flags="DF")
        if version == 4
        else IPv6(src=to_api(6).dst, dst=to_api(6).src, hlim=64)
    )
    header = TCP(
        sport=PORT, dport=CLIENT_PORT, flags="SA", window=WINDOW, options=[("MSS", MSS[version])]
    )
    header.seq, header.ack = got[TCP].seq, ISN + 1
    same_frame(bytes(link / syn(version, options)), bytes(back / ip / header), bytes(got))


@VERSIONS
@pytest.mark.parametrize(
    ("off", "missing"),
    [(Option.SACK, "SAckOK"), (Option.SCALE, "WScale"), (Option.TIMESTAMPS, "Timestamp")],
)
def test_what_the_host_would_not_keep_is_not_announced(
    rig: Rig, version: int, off: Option, missing: str
) -> None:
    rig.guard(local(options=ALL & ~off))
    got = answer(rig, syn(version, CLIENTS["Linux"][0], "SEC"))
    said = dict(got[TCP].options)
    assert missing not in said
    if off is Option.TIMESTAMPS:
        assert set(said) == {"MSS"}
        assert got[TCP].flags == "SA"
        return
    stamp = said["Timestamp"][0] % STAMP
    assert bool(stamp & STAMP_SACK) == (off is not Option.SACK)
    assert stamp % 16 == (NO_SCALE if off is Option.SCALE else 7)


@VERSIONS
def test_ecn_that_the_host_has_off_is_not_granted(rig: Rig, version: int) -> None:
    rig.guard(local(options=ALL & ~Option.ECN))
    got = answer(rig, syn(version, CLIENTS["Linux"][0], "SEC"))
    assert got[TCP].flags == "SA"
    assert not dict(got[TCP].options)["Timestamp"][0] & STAMP_ECN


@VERSIONS
@pytest.mark.parametrize("payload", [b"", b"GET / HTTP/1.1\r\n\r\n"], ids=["", "data"])
@pytest.mark.parametrize("levels", [ATTACKED, JUST_ATTACKED], ids=["attacked", "just attacked"])
def test_what_acknowledges_a_cookie_goes_on_and_proves_its_source(
    rig: Rig, version: int, payload: bytes, levels: dict[Rule, Level]
) -> None:
    rig.guard(local())
    cookie = answer(rig, syn(version, CLIENTS["Linux"][0]))[TCP].seq
    rig.guard(local(levels))
    frame = acknowledgement(version, cookie, payload)
    (backend,) = rig.world.numbers(SERVICE[version])
    assert rig.count(frame).action == "XDP_PASS"
    assert rig.counts()["backend", backend, Verdict["FORWARD_NEW"]][0] == 1
    assert rig.flows_of(SERVICE[version]) == [1]
    rig.guard(local())
    # From now on this source speaks with the kernel itself.
    left = rig.count(bytes(LINK / syn(version, CLIENTS["Linux"][0], sport=CLIENT_PORT + 1)))
    assert left.action == "XDP_PASS"


@VERSIONS
@pytest.mark.parametrize(
    ("what", "fields"),
    [
        # The kernel adds which of four MSS it is: less far off it would be a cookie of another one.
        ("a number above the cookie", {"ack": 5}),
        ("a number below the cookie", {"ack": -3}),
        ("another number of the client, above", {"seq": ISN + 5}),
        ("another number of the client, below", {"seq": ISN - 3}),
        ("another port", {"sport": CLIENT_PORT + 1}),
    ],
)
def test_an_acknowledgement_of_no_cookie_of_this_connection_is_dropped(
    rig: Rig, version: int, what: str, fields: dict[str, int]
) -> None:
    rig.guard(local())
    cookie = answer(rig, syn(version, CLIENTS["Linux"][0]))[TCP].seq
    given = dict(fields)
    if "ack" in given:
        given["ack"] = (cookie + given["ack"]) % (1 << 32)
    index = rig.world.services[SERVICE[version]].index
    assert rig.count(acknowledgement(version, cookie, fields=given)).action == "XDP_DROP", what
    assert rig.counts()["service", index, Verdict["BAD_COOKIE"]][0] == 1
    assert rig.flows_of(SERVICE[version]) == [0]


@VERSIONS
@pytest.mark.parametrize("flags", ["R", "RA", "F", "SA", ""])
def test_what_can_acknowledge_no_cookie_is_a_stray(rig: Rig, version: int, flags: str) -> None:
    rig.guard(local({Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON}))
    cookie = answer(rig, syn(version, CLIENTS["Linux"][0]))[TCP].seq
    packet = LINK / to_api(version) / tcp(PORT, flags, seq=ISN + 1, ack=cookie + 1)
    index = rig.world.services[SERVICE[version]].index
    assert rig.count(bytes(packet)).action == "XDP_DROP"
    assert rig.counts()["service", index, Verdict["UNKNOWN_FLOW"]][0] == 1


@VERSIONS
def test_at_level_monitor_it_is_only_noted(rig: Rig, version: int) -> None:
    rig.guard(local(WATCHED))
    frame = bytes(LINK / syn(version, CLIENTS["Linux"][0]))
    assert rig.count(frame).action == "XDP_PASS"
    index = rig.world.services[SERVICE[version]].index
    assert rig.noted() == {(index, Verdict["COOKIE"]): (1, len(frame))}


@VERSIONS
def test_an_explained_syn_leaves_nothing_in_the_maps(rig: Rig, version: int) -> None:
    rig.guard(local())
    before = rig.memory()
    frame = bytes(LINK / syn(version, CLIENTS["Linux"][0]))
    if not rig.traces:
        pytest.skip("no test runs with a context in this kernel")
    assert rig.trace(frame).verdict is Verdict["COOKIE"]
    assert rig.memory() == before
