"""The table of services: what was put is found, wherever it had to move."""

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath import encode
from accel.datapath.steering.services_table import ServiceTable
from accel.errors import CapacityError

ADDRESSES = st.one_of(
    st.integers(0x0A000000, 0x0A0000FF).map(ipaddress.IPv4Address),
    st.integers(1 << 125, (1 << 125) + 255).map(ipaddress.IPv6Address),
)
KEYS = st.builds(
    encode.service_key, ADDRESSES, st.sampled_from([0, 80, 443]), st.sampled_from([0, 6, 17])
)


def table(buckets: int) -> ServiceTable:
    return ServiceTable(np.zeros(buckets * 8, np.uint64))


@given(st.lists(st.tuples(KEYS, st.one_of(st.none(), st.integers(0, 1000))), max_size=120))
def test_it_is_a_dictionary(steps: list[tuple[bytes, int | None]]) -> None:
    ours, oracle = table(64), dict[bytes, int]()
    for key, index in steps:
        if index is None:
            assert ours.remove(key) == (oracle.pop(key, None) is not None)
        elif len(oracle) < 64 or key in oracle:  # half full, as layout.defines sizes it
            assert ours.put(key, index) == (oracle.get(key) != index)
            oracle[key] = index
        assert {k: v[0] for k, v in ours.items()} == oracle


GUARDS = st.integers(0, (1 << 16) - 1)


@given(
    st.dictionaries(KEYS, st.tuples(st.integers(0, 1000), st.integers(1, 1 << 62), GUARDS)),
    st.lists(st.tuples(KEYS, GUARDS), max_size=40),
)
def test_each_entry_has_a_guard_of_its_own(
    entries: dict[bytes, tuple[int, int, int]], changes: list[tuple[bytes, int]]
) -> None:
    ours = table(256)
    for key, (index, ring, guard) in entries.items():
        ours.put(key, index, ring, guard)
    oracle = {key: guard for key, (_, _, guard) in entries.items()}
    for key, guard in changes:
        assert ours.set_guard(key, guard) == (key in oracle and oracle[key] != guard)
        if key in oracle:
            oracle[key] = guard
    assert {key: ours.guard(key) for key in oracle} == oracle
    assert dict(ours.items()) == {key: (i, ring) for key, (i, ring, _) in entries.items()}
    assert ours.guard(encode.service_key(ipaddress.ip_address("203.0.113.1"), 1, 6)) == 0


def test_a_guard_moves_with_its_entry() -> None:
    """Where entries make room for others."""
    ours = table(64)
    first = int(ipaddress.ip_address("192.0.2.0"))
    keys = [encode.service_key(ipaddress.ip_address(first + i), 443, 6) for i in range(64)]
    for i, key in enumerate(keys):
        ours.put(key, i, guard=i)
        assert [ours.guard(k) for k in keys[: i + 1]] == list(range(i + 1))


def test_half_full_is_no_problem_at_full_size() -> None:
    ours = table(2048)
    first = int(ipaddress.ip_address("192.0.2.0"))
    keys = [encode.service_key(ipaddress.ip_address(first + i), 443, 6) for i in range(2048)]
    for i, key in enumerate(keys):
        ours.put(key, i)
    assert dict(ours.items()) == {key: (i, 0) for i, key in enumerate(keys)}


def test_a_full_table_says_so() -> None:
    ours = table(1)
    for port in (1, 2):
        ours.put(encode.service_key(ipaddress.ip_address("192.0.2.1"), port, 6), port)
    with pytest.raises(CapacityError, match="--max-services"):
        ours.put(encode.service_key(ipaddress.ip_address("192.0.2.1"), 3, 6), 3)
    assert len(dict(ours.items())) == 2
