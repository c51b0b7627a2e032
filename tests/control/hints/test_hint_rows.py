"""Rows of the log of hints, the table that they go to, quotas and callers."""

from __future__ import annotations

from ipaddress import ip_network

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.control.hints.pushed.callers import Callers, caller_of
from accel.control.hints.pushed.ownership import Owners
from accel.control.hints.pushed.page import text_of
from accel.control.hints.pushed.quota import Room, refused
from accel.control.hints.pushed.replay import replay, snapshot
from accel.control.store import hint_rows
from accel.control.store.hint_rows import Row, Said
from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.table import HintTable, first_and_last
from accel.errors import InvalidError
from accel.model.prefix_columns import V4

ADDRESSES = st.one_of(
    st.integers(0, (1 << 32) - 1).map(lambda n: n | V4), st.integers(0, (1 << 128) - 1)
)
KEYS = np.arange(1, 15, dtype=np.uint64).reshape(2, 7) * np.uint64(0x9E3779B97F4A7C15)


def halves(values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([v >> 64 for v in values], np.uint64),
        np.array([v & (1 << 64) - 1 for v in values], np.uint64),
    )


@given(st.lists(ADDRESSES))
def test_addresses_come_out_as_they_went_in(values: list[int]) -> None:
    ipv4, ipv6, order = hint_rows.pack(*halves(values))
    row = Row(said=Said.SET, service="web", ipv4=ipv4, ipv6=ipv6)
    high, low = hint_rows.clients_of(row)
    found = [int(h) << 64 | int(w) for h, w in zip(high, low, strict=True)]
    assert found == [values[i] for i in order]
    assert row.entries == len(values)
    assert len(ipv4) == 4 * sum(v >> 32 == 0xFFFF for v in values)


def test_prefixes_and_times_come_out_as_they_went_in() -> None:
    networks = [ip_network(t) for t in ("10.0.0.0/8", "0.0.0.0/0", "2001:db8::/33", "::/0")]
    packed = hint_rows.pack_prefixes(networks)
    assert list(hint_rows.unpack_prefixes(packed)) == networks
    until, end = np.arange(4, dtype=np.uint64), np.arange(9, 13, dtype=np.uint64)
    row = Row(said=Said.SET, service="web", prefixes=packed, times=hint_rows.pack_times(until, end))
    assert [column.tolist() for column in hint_rows.times(row)] == [until.tolist(), end.tolist()]


@given(st.lists(st.tuples(ADDRESSES, st.integers(1, 3), st.integers(1, 2), st.booleans())))
def test_a_snapshot_says_what_there_is(hints: list[tuple[int, int, int, bool]]) -> None:
    hints = list(
        {value: hint for value, *_ in hints for hint in hints if hint[0] == value}.values()
    )
    words = np.array(
        [number << 12 | 7 << 4 | 1 | (require << 31) for _, number, _, require in hints], np.uint64
    )
    high, low = halves([value for value, *_ in hints])
    until = np.arange(len(hints), dtype=np.uint64) + np.uint64(100)
    callers = np.array([caller for _, _, caller, _ in hints], np.int64)

    def hash_(index: int, high: np.ndarray, low: np.ndarray) -> np.ndarray:
        mixed: np.ndarray = high * np.uint64(31) ^ low
        return mixed

    kept = replay(
        snapshot(
            words, (high, low), (until, until + np.uint64(5)), callers,
            lambda number, caller: ("web", f"b{number}", f"c{caller}"),
        ),
        lambda service, backend: (4, (int(backend[1:]), 7)),
        hash_,
        now=99,
    )  # fmt: skip
    found = set()
    for h, w, u, e, row in zip(kept.high, kept.low, kept.until, kept.end, kept.whose, strict=True):
        whose = kept.rows[row]
        assert whose
        assert e == u + 5
        found.add(
            (int(h) << 64 | int(w), whose.number, int(whose.caller[1:]), whose.require, int(u))
        )
    distinct = {hash_(0, *halves([value]))[0] for value, *_ in hints}
    assert len(found) == len(distinct)
    assert found <= {(*hint, 100 + i) for i, hint in enumerate(hints)}
    assert not kept.stale


MASKS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 2)), max_size=30)


@given(
    MASKS,
    st.integers(0, 20),
    st.integers(0, 20),
    st.lists(st.integers(0, 9), min_size=3, max_size=3),
)
def test_quotas_are_those_of_one_after_the_other(
    hints: list[tuple[bool, bool, int]], table: int, caller: int, of: list[int]
) -> None:
    new = np.array([new for new, _, _ in hints], np.bool_)
    other = np.array([other and not new for new, other, _ in hints], np.bool_)
    services = np.array([service for _, _, service in hints], np.int64)
    room = Room(table=table, caller=caller, services=dict(enumerate(of)))
    found = refused(new, other, services, room)
    left = list(of)
    for i, service in enumerate(services):
        fits = (not new[i] or (left[service] > 0 and table > 0)) and (
            not (new[i] or other[i]) or caller > 0
        )
        if fits:
            left[service] -= bool(new[i])
            table -= bool(new[i])
            caller -= bool(new[i] or other[i])
        assert [bool(mask[i]) for mask in found].count(True) == int(not fits)


@given(st.lists(st.integers(0, 5)))
def test_first_and_last(values: list[int]) -> None:
    first, last = first_and_last(np.array(values, np.uint64))
    distinct = sorted(set(values))
    assert first.tolist() == [values.index(v) for v in distinct]
    assert last.tolist() == [len(values) - 1 - values[::-1].index(v) for v in distinct]


def test_each_of_a_full_table_has_a_place_and_an_owner() -> None:
    limit = 1000
    rng = np.random.default_rng(4)
    table = HintTable(np.zeros(8 * 1024, np.uint64), limit)
    owners = Owners(size=table.size, limit=limit, numbers=8)
    table.on_clear = owners.clear
    there: dict[int, int] = {}
    for _ in range(60):
        fresh = rng.integers(1 << 63, size=150, dtype=np.uint64) | np.uint64(1)
        again = rng.choice(np.array([*there, 5], np.uint64), 20)
        hashes = np.unique(np.concatenate((fresh, again)))[: limit - len(there)]
        places = table.find_places(hashes)
        new = places < 0
        assert {int(h) for h in hashes[~new]} == {int(h) for h in hashes} & there.keys()
        places[new] = table.find_room(hashes[new])
        assert len(set(places.tolist())) == len(places)
        before = table.words(places)
        values = np.full(len(hashes), 3 << 12 | 1, np.uint64)
        table.write(places, hashes, values, values)
        owners.put(places, before, values, (hashes, ~hashes), np.full(len(hashes), 9))
        there.update(zip(hashes.tolist(), places.tolist(), strict=True))
        gone = rng.choice(np.array(list(there), np.uint64), len(there) // 3, replace=False)
        assert table.clear(np.array([there.pop(int(h)) for h in gone])) == len(gone)
        left = np.array(list(there), np.uint64)
        assert table.find_places(left).tolist() == list(there.values())
        high, low = owners.clients(table.find_places(left))
        assert (high == left).all()
        assert (low == ~left).all()
        assert len(table) == len(there) == owners.of_caller[9] == owners.of_number[3]


def test_clients_of_one_key_are_one() -> None:
    keys = ClientKeys(KEYS, 8)
    high, low = halves([0x0A000001 | V4, 0x0A000002 | V4, 1 << 64 | 5, 1 << 64 | 6, 2 << 64 | 5])

    def alike() -> list[int]:
        found = keys.of_service(3, high, low).tolist()
        return [found.index(one) for one in found]

    assert alike() == [0, 1, 2, 2, 4]
    assert keys.set(3, 24, 128)
    assert alike() == [0, 0, 2, 3, 4]
    assert not keys.set(3, 24, 128)
    assert (keys.of_service(2, high, low) != keys.of_service(3, high, low)).all()


def test_text_of_addresses() -> None:
    assert text_of(0, 0x0A000001 | V4) == "10.0.0.1"
    assert text_of(0x20010DB8 << 32, 1) == "2001:db8::1"
    assert text_of(0, 0x0A000001) == "::10.0.0.1"


def test_who_calls() -> None:
    assert caller_of("", None) == "local"
    assert caller_of("agent", None) == "agent"
    assert caller_of("", "proxy 1") == caller_of("proxy 1", "proxy 1") == "proxy 1"
    for said, certificate in (("other", "proxy"), ("", ""), ("x" * 201, None), ("\t", None)):
        with pytest.raises(InvalidError, match="caller"):
            caller_of(said, certificate)


def test_numbers_of_callers_are_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accel.control.hints.pushed.callers.CALLERS", 4)
    idle: set[int] = set()
    callers = Callers(idle.__contains__)
    assert [callers.number(name) for name in ("a", "b", "c", "a")] == [1, 2, 3, 1]
    with pytest.raises(InvalidError, match="3 callers have hints already"):
        callers.number("d")
    idle.add(2)
    assert callers.number("d") == 2
    assert callers.names == {1: "a", 2: "d", 3: "c"}
