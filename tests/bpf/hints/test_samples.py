"""Samples of new flows for the report of hints: of which packets, what is in them, how many."""

from __future__ import annotations

import mmap
from typing import Any

import pytest

from accel.datapath import layout
from accel.datapath.datapath import DataPath
from accel.datapath.layout import CONSTANTS
from accel.ebpf import features
from accel.model.hints import Kind, Learn
from tests.support.guard.guarding import ATTACKED, stance
from tests.support.hints.hinting import POOL, TCP4, TCP6, Hinted, ack, datagram, syn
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import LIMITS, Rig
from tests.support.packets.world import CLIENT4, CLIENT6

HELLO = bytes(range(256)) * 6
COPIES = layout._has(features.PACKET_COPIES)
MOST, ROOM = CONSTANTS["SAMPLED_PACKETS"], CONSTANTS["SAMPLE_PAYLOAD"]


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    hinted = Hinted(rig)
    hinted.use(there=Kind(0), learn=Learn.ALL, sample=100)
    return hinted


def taken(hinted: Hinted) -> list[Any]:
    """The samples that have come."""
    found: list[Any] = []
    while len(some := hinted.hints.read_samples()):
        found.extend(some)
    return found


def segment(flags: str, seq: int, data: bytes = b"", **more: Any) -> bytes:
    """Of a connection that begins with sequence number 1000."""
    return bytes(LINK / to_api(4) / tcp(POOL.port, flags, sport=40001, seq=seq, **more) / data)


@pytest.mark.parametrize("held_out", [0, 100])
def test_the_first_packets_with_payload_are_sampled_as_they_are(
    hinted: Hinted, held_out: int
) -> None:
    hinted.use(learn=Learn.ALL, sample=100, holdout=held_out)
    number = hinted.went(segment("S", 1000))
    hinted.rig.count(segment("A", 1001))
    assert taken(hinted) == [], "only what has payload is sampled"
    options = [("NOP", None)] * 4
    hinted.rig.count(segment("PA", 1001, HELLO[:1200], options=options))
    hinted.rig.count(segment("A", 2201))
    hinted.rig.count(segment("PA", 2201, b"finished"))
    first, second = taken(hinted)
    for sample in (first, second):
        assert int(sample["service"]) == hinted.index
        assert int(sample["number"]) == number
        assert int(sample["first"]) == 1000
        assert (int(sample["source_port"]), int(sample["destination_port"])) == (40001, POOL.port)
        assert sample["source"].tobytes() == bytes(10) + b"\xff\xff" + bytes(
            map(int, CLIENT4.split("."))
        )
        assert bool(sample["held_out"]) == bool(held_out)
        assert 0 < int(sample["opened"]) < int(sample["time"])
    assert int(first["opened"]) == int(second["opened"])
    assert int(first["time"]) < int(second["time"])
    assert (int(first["sequence"]), int(second["sequence"])) == (1001, 2201)
    assert (int(first["length"]), int(second["length"])) == (1200, 8)
    assert payload(first) == copy_of(HELLO[:1200])
    assert payload(second) == copy_of(b"finished")


def payload(sample: Any) -> bytes:
    return bytes(sample["payload"][: int(sample["copied"])])


def copy_of(data: bytes) -> bytes:
    """What a sample has of it in this kernel."""
    return data[:ROOM] if COPIES else b""


@pytest.mark.parametrize("learn", list(Learn)[::2])
def test_a_flow_is_sampled_until_it_has_said_enough(hinted: Hinted, learn: Learn) -> None:
    hinted.use(learn=learn, sample=100)
    hinted.connect()
    for _ in range(MOST + 5):
        hinted.rig.count(ack(data=b"data"))
    assert len(taken(hinted)) == MOST
    assert hinted.hints.counts(hinted.index).learned == (learn is not Learn.OFF)
    assert hinted.hints.counts(hinted.index).refreshed == 0
    before = hinted.rig.flow_words.copy(), hinted.rig.words("sampled").copy()
    hinted.rig.count(ack(data=b"data"))
    after = hinted.rig.flow_words, hinted.rig.words("sampled")
    assert all((a == b).all() for a, b in zip(before, after, strict=True)), "it is settled"


def test_over_ipv6(rig: Rig) -> None:
    hinted = Hinted(rig, TCP6)
    hinted.use(sample=100)
    hinted.connect(CLIENT6)
    rig.count(ack(CLIENT6, data=HELLO[: ROOM - 8]))
    (sample,) = taken(hinted)
    assert payload(sample) == copy_of(HELLO[: ROOM - 8])


def test_only_as_much_is_copied_as_has_room(hinted: Hinted) -> None:
    hinted.connect()
    hinted.rig.count(ack(data=HELLO[: ROOM + 20]))
    hinted.rig.count(ack(data=b"x"))
    long, short = taken(hinted)
    assert (int(long["length"]), payload(long)) == (ROOM + 20, copy_of(HELLO))
    assert payload(short) == copy_of(b"x")


def test_a_syn_that_is_sent_again_begins_no_other_sample(hinted: Hinted) -> None:
    hinted.rig.count(segment("S", 1000))
    rows = hinted.rig.words("sampled").reshape(-1, 3)  # struct sampled_flow, `opened` first
    opened = int(rows[rows.any(axis=1)][0, 0])
    hinted.rig.count(segment("S", 1000))
    hinted.rig.count(segment("A", 1001))
    hinted.rig.count(segment("PA", 1001, b"hello"))
    (sample,) = taken(hinted)
    assert int(sample["opened"]) == opened
    hinted.rig.words("flows")[:] = 0
    hinted.rig.count(segment("S", 5000))
    hinted.rig.count(segment("A", 5001))
    hinted.rig.count(segment("PA", 5001, b"hello"))
    (other,) = taken(hinted)
    assert int(other["opened"]) > int(sample["opened"])
    assert int(other["first"]) == 5000


@pytest.mark.parametrize("elsewhere", [False, True])
def test_payload_that_comes_with_the_ack_is_sampled(hinted: Hinted, elsewhere: bool) -> None:
    """Stored at the SYN or not: the first payload is one of a new flow then, and counted so."""
    hinted.use(learn=Learn.ALL, sample=100)
    if elsewhere:
        hinted.push(next(n for n in hinted.numbers if n != hinted.chosen(syn())[0]))
    number = hinted.went(syn())
    assert hinted.went(ack(data=b"first")) == number
    counts = hinted.rig.datapath.counters.backend(number)
    new = {v.name: packets for v, (packets, _) in counts.items() if packets}
    assert new == {"FORWARD_SYN": 1, "FORWARD_FLOW" if elsewhere else "FORWARD_NEW": 1}
    assert sum(hinted.outcomes().values()) == 1
    for _ in range(MOST + 2):
        assert hinted.went(ack(data=b"more")) == number
    texts = [payload(sample) for sample in taken(hinted)]
    assert texts[0] == copy_of(b"first")
    assert len(texts) == MOST + (not elsewhere)
    assert hinted.hints.counts(hinted.index).learned == 1


@pytest.mark.parametrize("learn", list(Learn)[::2])
def test_a_flow_that_is_not_sampled_leaves_none(hinted: Hinted, learn: Learn) -> None:
    hinted.use(learn=learn, sample=0)
    hinted.talk()
    assert taken(hinted) == []
    assert not hinted.rig.words("sampled").any()


def test_a_share_of_the_flows_is_sampled(hinted: Hinted) -> None:
    hinted.use(sample=25)
    flows = 400
    for port in range(flows):
        hinted.connect(port=1000 + port)
        hinted.rig.count(ack(port=1000 + port, data=b"x"))
    assert 0.15 * flows < len(taken(hinted)) < 0.35 * flows


def test_of_flows_that_are_not_sampled_nothing_passes_another_program(hinted: Hinted) -> None:
    hinted.use(sample=1e-7)
    hinted.connect()
    before = hinted.rig.flow_words.copy()
    hinted.rig.count(ack(data=b"data"))
    after = hinted.rig.flow_words
    settled = 1 << 31 | 1 << 30  # CONFIRMED, LEARNED_FROM
    assert [int(w) & settled for w in before if w] == [1 << 30], "done with as it is stored"
    assert [int(w) & settled for w in after if w] == [settled]


def test_established_flows_leave_none_when_sampling_begins(hinted: Hinted) -> None:
    hinted.use(sample=0)
    hinted.talk()
    hinted.use(sample=100)
    for _ in range(5):
        hinted.rig.count(ack(data=b"data"))
    assert taken(hinted) == []


def test_a_service_without_hints_is_not_sampled(rig: Rig, hinted: Hinted) -> None:
    Hinted(rig, TCP6).talk(CLIENT6)
    assert taken(hinted) == []


def test_datagrams_are_not_sampled(rig: Rig) -> None:
    hinted = Hinted(rig, "pool-udp4")
    hinted.use(sample=100)
    for _ in range(4):
        assert hinted.went(datagram())
    assert taken(hinted) == []


def test_what_is_explained_leaves_none(hinted: Hinted) -> None:
    for frame in (syn(), ack(), ack(data=b"data")):
        hinted.rig.trace(frame)
    assert not hinted.rig.words("sampled").any()
    hinted.connect()
    kept = hinted.rig.words("sampled").copy()
    hinted.rig.trace(ack(data=b"data"))
    assert (hinted.rig.words("sampled") == kept).all()
    assert taken(hinted) == []


def test_a_syn_that_is_answered_with_a_challenge_begins_none(hinted: Hinted) -> None:
    hinted.rig.guard({TCP4: stance(ATTACKED)})
    hinted.rig.count(syn())
    assert not hinted.rig.words("sampled").any()


def test_a_full_ring_drops_samples_and_no_packet(hinted: Hinted) -> None:
    room = CONSTANTS["HINT_SAMPLE_PAGES"] * mmap.PAGESIZE // (CONSTANTS["SAMPLE_HEAD"] + ROOM + 8)
    for port in range(room + 50):
        number = hinted.connect(port=1000 + port)
        assert hinted.went(ack(port=1000 + port, data=b"data")) == number
    assert room - 2 <= len(taken(hinted)) <= room
    hinted.connect(port=7)
    hinted.rig.count(ack(port=7, data=b"again"))
    assert [payload(sample) for sample in taken(hinted)] == [copy_of(b"again")]


def test_where_the_kernel_copies_nothing_all_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_has", lambda feature: feature is not features.PACKET_COPIES)
    datapath = DataPath.open(None, LIMITS)
    try:
        hinted = Hinted(Rig(datapath))
        hinted.use(learn=Learn.ALL, sample=100)
        hinted.talk()
        assert [(int(s["length"]), int(s["copied"])) for s in taken(hinted)] == [(4, 0), (4, 0)]
    finally:
        datapath.close()
