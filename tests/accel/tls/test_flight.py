"""The end of the client's handshake, in what real clients sent, and in pieces of it."""

from __future__ import annotations

import ssl
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.tls.flight import Pieces, handshake_size
from tests.support.wire.tls_talk import V2, V3, Peers, Talk

SEGMENT = 1200


def size_of(talk: Talk, *, segment: int = SEGMENT, copied: int = SEGMENT) -> int | None:
    pieces, at = Pieces(), 0
    for flight in talk.flights:
        for i in range(0, len(flight), segment):
            pieces.add(at + i, flight[i : i + segment][:copied])
        at += len(flight)
    return handshake_size(pieces, pieces.read(0, 1 << 16))


@pytest.mark.parametrize(
    ("version", "certified", "curve"),
    [
        *((V2, False, ""), (V2, True, ""), (V2, False, "secp384r1")),
        *((V3, False, ""), (V3, True, ""), (V3, False, "secp384r1"), (V3, True, "secp384r1")),
    ],
)
def test_what_a_client_sent_until_it_was_done(
    tmp_path: Path, version: ssl.TLSVersion, certified: bool, curve: str
) -> None:
    """With secp384r1 a server of TLS 1.3 asks for a second ClientHello."""
    peers = Peers(tmp_path, version, client_certificate=certified, curve=curve)
    first = peers.talk()
    again = peers.talk(first.session)
    assert again.resumed
    assert (len(first.flights) == 4) == (bool(curve) and version is V3)
    for talk in (first, again):
        assert size_of(talk) == talk.handshake
        assert size_of(talk, segment=100, copied=100) == talk.handshake
        # With data in the same segments, and with nothing behind it.
        data = Talk(flights=[talk.sent], handshake=0, session=None, resumed=False)
        assert size_of(data) == talk.handshake
        short = Talk(flights=talk.flights[:-1], handshake=0, session=None, resumed=False)
        assert size_of(short) == talk.handshake


def test_what_is_missing_is_not_guessed(tmp_path: Path) -> None:
    talk = Peers(tmp_path, V3).talk()
    assert size_of(Talk(flights=talk.flights[:1], handshake=0, session=None, resumed=False)) is None
    cut = Talk(
        flights=[talk.flights[0][:-1], *talk.flights[1:]], handshake=0, session=None, resumed=False
    )
    assert size_of(cut) is None
    assert handshake_size(Pieces(), talk.sent) is None


def test_early_data_is_no_finished() -> None:
    from tests.accel.tls.test_client_hello import PSK, VERSIONS, extension, hello

    def record(length: int) -> bytes:
        return b"\x17\x03\x03" + length.to_bytes(2) + bytes(length)

    sent = hello(VERSIONS + extension(42, b"") + PSK)
    early = sent + record(53) + record(200) + record(21)
    done = early + record(53)
    for whole, size in ((done + record(53), len(done)), (early, None), (sent + record(53), None)):
        pieces = Pieces()
        pieces.add(0, whole)
        assert handshake_size(pieces, whole) == size


@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=12), st.randoms())
def test_pieces_give_back_what_is_whole(data: bytes, cuts: list[int], random: object) -> None:
    ends = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    parts = list(pairwise(ends))
    random.shuffle(parts)  # type: ignore[attr-defined]
    pieces = Pieces()
    for begin, end in parts:
        pieces.add(begin, data[max(0, begin) : end + 3])
        pieces.add(begin, data[begin:end])
    for at in range(len(data)):
        assert pieces.read(at, 10) == data[at : at + 10]


@given(st.dictionaries(st.integers(0, 2000), st.binary(max_size=300)), st.binary(max_size=300))
def test_no_bytes_make_it_raise(parts: dict[int, bytes], noise: bytes) -> None:
    from tests.accel.tls.test_client_hello import PSK, hello

    for beginning in (noise, hello(PSK), hello(PSK) + noise):
        pieces = Pieces()
        pieces.add(0, beginning)
        for at, data in parts.items():
            pieces.add(at, data)
        size = handshake_size(pieces, pieces.read(0, 1 << 16))
        assert size is None or size > 0
