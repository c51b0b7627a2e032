"""The maps of prefixes against ipaddress, and where entries are placed. No map is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.datapath.layout import CONSTANTS, prefix_buckets
from accel.datapath.prefixes.table import PrefixTable
from accel.errors import CapacityError, InvalidError
from accel.model.address import Address
from accel.model.placement import Limits
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes, network_of

Set = dict[Network, bool]
WAYS = CONSTANTS["WAYS"]


@dataclass
class Memory:
    """What a MapSet has of the two maps."""

    limits: Limits
    adopted: bool = False
    maps: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = np.random.default_rng(1).integers(0, 1 << 64, 15, np.uint64, endpoint=False)
        self.maps = {
            "prefixes": np.zeros(prefix_buckets(self.limits) * WAYS, np.uint64),
            "prefix_blocks": np.zeros(CONSTANTS["PREFIX_BLOCKS"] * 2, np.uint64),
            "settings": keys,
        }

    def words(self, name: str) -> Any:
        return self.maps[name]


def table(memory: Memory) -> PrefixTable:
    return PrefixTable(cast(Any, memory))


def columns(entries: Set) -> Prefixes:
    return Prefixes.of(entries.items())


def longest(entries: Set, address: Address) -> tuple[Network, bool] | None:
    """The oracle."""
    found = [n for n in entries if n.version == address.version and address in n]
    best = max(found, key=lambda n: n.prefixlen, default=None)
    return None if best is None else (best, entries[best])


# Few addresses, so that prefixes are within each other.
ADDRESSES = st.one_of(
    st.builds(lambda n: ip_address("10.0.0.0") + n, st.integers(0, 3).map(lambda n: n << 15)),
    st.builds(lambda n: ip_address("10.0.0.0") + n, st.integers(0, 7)),
    st.builds(lambda n: ip_address("2001:db8::") + n, st.integers(0, 7).map(lambda n: n << 62)),
    st.builds(lambda n: ip_address("2001:db8::") + n, st.integers(0, 7).map(lambda n: n << 93)),
    st.sampled_from([ip_address("::1.2.3.4"), ip_address("::"), ip_address("255.255.255.255")]),
)
LENGTHS = st.sampled_from([0, 1, 8, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 127, 128])
NETWORKS = st.builds(
    lambda address, length: network_of(address, min(length, address.max_prefixlen)),
    ADDRESSES,
    LENGTHS,
)
SETS = st.dictionaries(NETWORKS, st.booleans(), max_size=12)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(SETS, SETS, st.booleans()), max_size=4), asked=st.lists(ADDRESSES))
def test_the_longest_prefix_is_found(
    steps: list[tuple[Set, Set, bool]], asked: list[Address]
) -> None:
    memory, expected = Memory(Limits(prefixes=64)), cast(Set, {})
    subject = table(memory)
    for put, removed, only in steps:
        gone = {n: deny for n, deny in removed.items() if n not in put}
        after = dict(put) if only else {**expected, **put}
        expected = after if only else {n: d for n, d in after.items() if n not in gone}
        subject.plan(columns(put), None if only else columns(gone), only=only)()
        assert len(subject) == len(expected)
        for address in [*asked, *(n.network_address for n in expected)]:
            assert subject.lookup(address) == longest(expected, address)
    # A process that starts again finds nothing to write.
    memory.adopted = True
    again = table(memory)
    assert len(again) == len(expected)
    assert again.plan(columns(expected), only=True)() == 0
    for address in asked:
        assert again.lookup(address) == longest(expected, address)


@pytest.mark.parametrize("seed", range(3))
def test_a_full_table_comes_and_goes(seed: int) -> None:
    """Buckets run over, and what was past them is found when others are gone."""
    random = Random(seed)
    memory = Memory(Limits(prefixes=4096))
    subject = table(memory)
    addresses = random.sample(range(1 << 24, 1 << 30), 6144)
    entries = {network_of(ip_address(n)): bool(n & 1) for n in addresses}
    items = list(entries.items())
    first, second = dict(items[:4096]), dict(items[4096:])
    subject.plan(columns(first))()
    full = memory.maps["prefixes"].reshape(-1, WAYS).all(axis=1)
    assert full.any(), "no bucket is full"
    gone = dict(items[:2048])
    subject.plan(columns(second), columns(gone))()
    there = {n: d for n, d in entries.items() if n not in gone}
    assert len(subject) == 4096
    wanted = [1 + deny for deny in there.values()]
    assert subject.actions(columns(there)).tolist() == wanted
    assert not subject.actions(columns(gone)).any()
    subject.plan(columns({}), only=True)()
    assert len(subject) == 0
    assert not memory.maps["prefix_blocks"].any()


def test_nothing_changes_if_there_are_too_many() -> None:
    memory = Memory(Limits(prefixes=8))
    subject = table(memory)
    subject.plan(columns({network_of(ip_address(n), 24): True for n in range(0, 2048, 256)}))()
    before = {name: words.copy() for name, words in memory.maps.items()}
    with pytest.raises(CapacityError, match="--max-prefixes"):
        subject.plan(columns({ip_network("10.0.0.0/8"): True}))
    assert all((memory.maps[name] == before[name]).all() for name in before)
    subject.plan(columns({network_of(ip_address(0), 24): False}))()
    assert subject.lookup(ip_address("0.0.0.9")) == (ip_network("0.0.0.0/24"), False)


def test_a_block_has_room_for_so_many_lengths() -> None:
    subject = table(Memory(Limits(prefixes=64)))
    address = ip_address("10.9.255.255")
    most = {network_of(address, n): True for n in range(17, 33)}
    subject.plan(columns(most))()
    assert subject.lookup(address) == (network_of(address), True)
    assert subject.lookup(ip_address("10.9.128.0")) == (ip_network("10.9.128.0/17"), True)
    six = ip_address("2001:db8:ffff:ffff::")
    with pytest.raises(InvalidError, match="17 lengths, 16 at the most"):
        subject.plan(columns({network_of(six, n): True for n in range(40, 57)}))


def test_a_list_of_lengths_is_written_after_the_entries_and_before_they_go() -> None:
    """So a packet may search in vain, and never misses what is there."""
    memory = Memory(Limits(prefixes=64))
    subject = table(memory)
    address = ip_address("10.0.0.1")
    write = subject.plan(columns({network_of(address): True}))
    assert subject.lookup(address) is None, "a plan writes nothing"
    write()
    memory.maps["prefixes"][:] = 0
    assert subject.lookup(address) is None, "the list alone leads to nothing"
