"""QUIC server ids (draft-ietf-quic-load-balancers): packets written byte by byte after RFC 9000."""

from __future__ import annotations

import struct

import pytest

from accel.errors import CapacityError, InvalidError
from accel.model.backend import State
from accel.model.hints import LONGEST_ID, NONCES
from accel.model.quic import ServerId
from tests.support.hints.hinting import UDP4, Hinted, datagram, quic
from tests.support.packets.rig import LIMITS, Rig
from tests.support.packets.world import GENERATION

V1, V2 = 1, 0x6B3343CF
NEGOTIATION, DRAFT_29, GREASED = 0, 0xFF00001D, 0x1A2A3A4A  # none that is known
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
REST = bytes(range(100, 130))
LONGEST_CID = 20  # bytes (RFC 9000 17.2)
SIZES = tuple(range(1, LONGEST_ID + 1))


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    return Hinted(rig, UDP4)


def connection_id(server: bytes, rotation: int = 0, nonce: bytes = b"nonc") -> bytes:
    """First octet: rotation, and the length of the rest; then server id and nonce."""
    rest = server + nonce
    return bytes([rotation << 5 | len(rest) & 31]) + rest


def short(cid: bytes) -> bytes:
    return b"\x43" + cid + REST


def long(cid: bytes, kind: int, version: int = V1) -> bytes:
    bits = (kind + 1) & 3 if version == V2 else kind
    head = struct.pack("!BIB", 0xC3 | bits << 4, version, len(cid))
    return head + cid + b"\x04abcd" + REST


def server_id(size: int) -> bytes:
    return bytes(range(1, size + 1))


def other(hinted: Hinted) -> int:
    base, _ = hinted.chosen(datagram())
    return next(n for n in hinted.numbers if n != base)


@pytest.mark.parametrize("rotation", [0, 3, 6])
@pytest.mark.parametrize("size", SIZES)
def test_a_server_id_of_each_length_is_read(hinted: Hinted, size: int, rotation: int) -> None:
    hinted.use(quic=(quic(size, rotation),))
    wanted = other(hinted)
    hinted.set_ids(wanted, server_id(size), rotation=rotation)
    for nonce in (b"nonc", b"other", b"another!"):
        cid = connection_id(server_id(size), rotation, nonce)
        assert hinted.chosen(datagram(data=short(cid))) == (wanted, "CID")
        if len(cid) <= 20:
            packet = long(cid, HANDSHAKE)
            assert hinted.chosen(datagram(data=packet)) == (wanted, "CID")
    # Another id, another rotation, an id that ends before the nonce does.
    wrong = bytes(size - 1) + b"\xff"
    for cid in (connection_id(wrong, rotation), connection_id(server_id(size), (rotation + 1) % 7)):
        assert hinted.chosen(datagram(data=short(cid)))[1] == "CID_UNROUTABLE"
    cut = connection_id(server_id(size), rotation, b"non")
    assert hinted.chosen(datagram(data=long(cut, HANDSHAKE)))[1] == "CID_UNROUTABLE"


@pytest.mark.parametrize("size", SIZES)
def test_packets_of_each_kind_with_ids_of_each_length(hinted: Hinted, size: int) -> None:
    """Only what bears an id that the server has made is led by it: RFC 9000 17.2, RFC 9369 3.2."""
    wanted = other(hinted)
    for nonce in {NONCES[0], min(NONCES[1], LONGEST_CID - 1 - size)}:
        hinted.use(quic=(quic(size, rotation=2, nonce=nonce),))
        hinted.set_ids(wanted, server_id(size), rotation=2)
        cid = connection_id(server_id(size), 2, b"n" * nonce)
        rows = {
            (kind, version): (wanted, "CID") if kind in (HANDSHAKE, RETRY) else "BASE"
            for kind in (INITIAL, ZERO_RTT, HANDSHAKE, RETRY)
            for version in (V1, V2)
        }
        rows |= {
            (kind, version): "BASE"
            for kind in (INITIAL, ZERO_RTT, HANDSHAKE, RETRY)
            for version in (NEGOTIATION, DRAFT_29, GREASED)
        }
        base, _ = hinted.chosen(datagram(data=b"x"))
        for (kind, version), expected in rows.items():
            found = hinted.chosen(datagram(data=long(cid, kind, version)))
            assert found == ((base, expected) if expected == "BASE" else expected), (kind, version)
        assert hinted.chosen(datagram(data=short(cid))) == (wanted, "CID")
        # In all the bits beside that a short header may have: spin, key phase, packet number.
        for bits in range(0x40, 0x80, 7):
            packet = bytes([bits]) + short(cid)[1:]
            assert hinted.chosen(datagram(data=packet)) == (wanted, "CID")
        # Rotation 7 says that an id is not to be read.
        unread = connection_id(server_id(size), 7, b"n" * nonce)
        for packet in (short(unread), long(unread, HANDSHAKE), long(unread, HANDSHAKE, V2)):
            assert hinted.chosen(datagram(data=packet)) == (base, "CID_UNROUTABLE")


@pytest.mark.parametrize("nonce", [*range(NONCES[0], NONCES[1] + 1)])
def test_a_long_header_has_room_for_the_nonce(hinted: Hinted, nonce: int) -> None:
    """draft-ietf-quic-load-balancers: an id that is shorter than its form says is unroutable."""
    forms = [quic(size, nonce=nonce) for size in (1, 19 - nonce) if 1 <= size <= LONGEST_ID]
    for form in forms:
        hinted.use(quic=(form,))
        wanted = other(hinted)
        ident = server_id(form.server_id_length)
        hinted.set_ids(wanted, ident)
        for length in range(21):
            cid = connection_id(ident, 0, bytes(nonce + 1))[:length]
            packet = datagram(data=long(cid, HANDSHAKE))
            if length >= form.length:
                assert hinted.chosen(packet) == (wanted, "CID")
            else:
                assert hinted.chosen(packet)[1] == "CID_UNROUTABLE"
        # A short header does not tell how long its id is.
        assert hinted.chosen(datagram(data=short(connection_id(ident)))) == (wanted, "CID")


def test_each_rotation_has_its_form(hinted: Hinted) -> None:
    first, second = quic(2, rotation=1, nonce=4), quic(2, rotation=5, nonce=9)
    hinted.use(quic=(first, second))
    ids = {
        ServerId(rotation=form.rotation, id=server_id(2)): n
        for form, n in zip((first, second), hinted.numbers, strict=False)
    }
    assert hinted.hints.set_server_ids({hinted.index: ids}) == 2
    assert hinted.hints.set_server_ids({hinted.index: ids}) == 0
    for form, wanted in zip((first, second), hinted.numbers, strict=False):
        cid = connection_id(server_id(2), form.rotation, bytes(form.nonce_length))
        assert hinted.chosen(datagram(data=long(cid, HANDSHAKE))) == (wanted, "CID")
        packet = datagram(data=long(cid[:-1], HANDSHAKE))
        assert hinted.chosen(packet)[1] == "CID_UNROUTABLE"
    assert hinted.hints.set_server_ids({hinted.index: {}}) == 2
    cid = connection_id(server_id(2), 5, bytes(9))
    assert hinted.chosen(datagram(data=long(cid, HANDSHAKE)))[1] == "CID_UNROUTABLE"


def test_ids_change_hands_in_a_map_that_is_full(rig: Rig) -> None:
    """Between services, in one step: what comes has the room of what goes."""
    one, other_ = Hinted(rig, UDP4), Hinted(rig, "pool-udp6")
    for hinted in (one, other_):
        hinted.use(quic=(quic(2),))
    full = [ServerId(rotation=0, id=bytes([0, n])) for n in range(LIMITS.backends)]

    def owned(*counts: int) -> dict[int, dict[ServerId, int]]:
        return {
            hinted.index: dict.fromkeys(full[:count], hinted.numbers[0])
            for hinted, count in zip((one, other_), counts, strict=True)
        }

    assert one.hints.set_server_ids(owned(0, LIMITS.backends)) == LIMITS.backends
    assert one.hints.set_server_ids(owned(LIMITS.backends, 0)) == 2 * LIMITS.backends
    with pytest.raises(CapacityError, match="--max-backends"):
        one.hints.set_server_ids(owned(LIMITS.backends, 1))


@pytest.mark.parametrize("version", [V1, V2, 0x1A2A3A4A])
@pytest.mark.parametrize("kind", [INITIAL, ZERO_RTT])
def test_what_the_client_chose_is_no_server_id(hinted: Hinted, kind: int, version: int) -> None:
    hinted.use(quic=(quic(4),))
    wanted = other(hinted)
    hinted.set_ids(wanted, server_id(4))
    packet = long(connection_id(server_id(4)), kind, version)
    assert hinted.chosen(datagram(data=packet))[1] == "BASE"


def test_types_of_version_2_are_its_own(hinted: Hinted) -> None:
    hinted.use(quic=(quic(4),))
    wanted = other(hinted)
    hinted.set_ids(wanted, server_id(4))
    packet = long(connection_id(server_id(4)), HANDSHAKE, V2)
    assert hinted.chosen(datagram(data=packet)) == (wanted, "CID")


def test_a_connection_that_has_moved_is_found_and_stays(hinted: Hinted) -> None:
    hinted.use(quic=(quic(4),))
    number = other(hinted)
    hinted.set_ids(number, server_id(4))
    moved = datagram("203.0.113.9", 5, short(connection_id(server_id(4))))
    assert hinted.went(moved) == number
    assert hinted.rig.trace(moved).known_flow
    assert hinted.outcomes() == {"CID": 1}
    hinted.set_ids(number)
    assert hinted.went(moved) == number


def test_a_known_flow_is_not_moved_by_an_id(hinted: Hinted) -> None:
    hinted.use(quic=(quic(4),))
    wanted = other(hinted)
    base = hinted.went(datagram())
    hinted.set_ids(wanted, server_id(4))
    assert hinted.went(datagram(data=short(connection_id(server_id(4))))) == base


@pytest.mark.parametrize("state", [State.DRAIN, State.DOWN, None])
def test_a_backend_that_drains_keeps_what_has_moved(hinted: Hinted, state: State | None) -> None:
    hinted.use(quic=(quic(4),))
    wanted = other(hinted)
    hinted.set_ids(wanted, server_id(4))
    generation = GENERATION if state else GENERATION + 1
    hinted.rig.world.change(UDP4, wanted, state=state or State.UP, generation=generation)
    hinted.rig.place()
    frame = datagram(data=short(connection_id(server_id(4))))
    number, outcome = hinted.chosen(frame)
    if state is State.DRAIN:
        assert (number, outcome) == (wanted, "CID")
    else:
        assert outcome == "CID_STALE"
        assert number
        assert hinted.went(frame) == number
        assert hinted.outcomes() == {"CID_STALE": 1}


def test_a_hint_is_followed_where_the_id_leads_nowhere(hinted: Hinted) -> None:
    hinted.use(quic=(quic(4),))
    wanted = other(hinted)
    hinted.push(wanted)
    frame = datagram(data=short(connection_id(server_id(4))))
    assert hinted.chosen(frame) == (wanted, "PUSHED")


@pytest.mark.parametrize("length", [0, 1, 5, 20, 21])
def test_what_is_too_short_for_an_id_goes_by_the_base_choice(hinted: Hinted, length: int) -> None:
    hinted.use(quic=(quic(4),))
    base, _ = hinted.chosen(datagram(data=b""))
    frame = datagram(data=short(connection_id(server_id(4)))[:length])
    assert hinted.chosen(frame) == (base, "BASE")


@pytest.mark.parametrize(("rotation", "size"), [(7, 4), (-1, 4), (0, 0), (0, 16)])
def test_what_is_no_server_id_is_refused(hinted: Hinted, rotation: int, size: int) -> None:
    with pytest.raises(InvalidError, match="server_id"):
        hinted.set_ids(hinted.numbers[0], bytes(size), rotation=rotation)
