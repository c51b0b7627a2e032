"""The sketch of sources: bounded whatever comes, and right about those that send much."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.control.guard.samples import KEPT, KeptSamples
from accel.control.guard.top_sources import (
    AT_ONCE,
    SERVICES,
    SLOTS,
    Sketch,
    TopSources,
    address_of,
    keys_of,
    prefix_of,
)
from accel.datapath.encode import address_bytes
from accel.datapath.samples import SAMPLE, Samples, weights
from accel.model.address import parse_address
from accel.verdicts import Verdict


def samples(
    *sources: str, service: int = 1, verdict: str = "CHALLENGED", count: int = 1
) -> Samples:
    found = np.zeros(len(sources), SAMPLE)
    for row, source in enumerate(sources):
        found[row]["source"] = np.frombuffer(address_bytes(parse_address(source, "")), ">u8")
    found["service"], found["verdict"], found["count"] = service, Verdict[verdict], count
    return found


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("0.0.0.1", "0.0.0.0/24"),
        ("255.255.255.255", "255.255.255.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("ffff:ffff:ffff:ffff::1", "ffff:ffff:ffff::/48"),
    ],
)
def test_prefixes(address: str, prefix: str) -> None:
    (sample,) = samples(address)
    assert prefix_of(int(keys_of(sample["source"][None])[0])) == prefix
    assert address_of(sample["source"]) == ipaddress.ip_address(address)


def test_a_sample_stands_for_what_was_counted_since_the_one_before() -> None:
    counts = [1, 2, 4, 8, 512, 1021, 1024, 2042, 10_210]
    rows = np.concatenate([samples("192.0.2.1", count=n) for n in counts])
    assert weights(rows).tolist() == [1, 1, 2, 4, 256, 1021, 3, 1021, 1021]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 300), st.integers(1, 1024)), min_size=1, max_size=200),
        min_size=1,
        max_size=10,
    )
)
def test_counts_are_too_low_by_a_bounded_part_and_never_too_high(
    batches: list[list[tuple[int, int]]],
) -> None:
    sketch, true = Sketch(0.0), dict.fromkeys(range(301), 0)
    for batch in batches:
        keys = np.array([key for key, _ in batch], np.uint64)
        sketch.add(keys, np.array([float(n) for _, n in batch]), 0.0)
        for key, n in batch:
            true[key] += n
    assert len(sketch.counts()) <= SLOTS
    total = sum(true.values())
    found = sketch.counts()
    for key, n in true.items():
        assert n - total / (SLOTS + 1) - 1e-6 <= found.get(key, 0.0) <= n + 1e-6


def test_a_heavy_prefix_stands_out_of_a_flood_of_random_ones() -> None:
    sources, random = TopSources(), np.random.default_rng(1)
    for tick in range(50):
        spoofed = [str(ipaddress.IPv4Address(int(a))) for a in random.integers(1, 2**32 - 1, 150)]
        sources.add(samples(*spoofed, *["198.51.100.9"] * 50, count=5 * 1021), tick / 10)
    (first, *others) = sources.top(1, 5.0)
    assert first.prefix == "198.51.100.0/24"
    assert first.share == pytest.approx(0.25, abs=0.03)
    assert first.packets == pytest.approx(50 * 1021 * 10, rel=0.1)
    assert all(other.share < 0.05 for other in others)


def test_of_many_services_at_once_the_busiest_are_looked_at() -> None:
    sources = TopSources()
    few = [samples("192.0.2.1", service=service) for service in range(100)]
    sources.add(np.concatenate([*few, samples(*["192.0.2.1"] * 9, service=99)]), 0.0)
    assert len(sources._sketches) == AT_ONCE
    assert sources.top(99, 0.1)


def test_what_is_over_fades() -> None:
    sources = TopSources()
    sources.add(samples("192.0.2.1", count=2042), 0.0)
    assert sources.top(1, 1.0)
    assert not sources.top(1, 200.0)
    assert not sources.top(2, 1.0)


def test_memory_is_bounded_and_answers_to_challenges_are_no_flood() -> None:
    sources = TopSources()
    for service in range(SERVICES + 50):
        sources.add(samples("192.0.2.1", service=service), 0.0)
    assert len(sources._sketches) == SERVICES
    assert not sources.top(0, 0.1)
    sources.add(samples("192.0.2.1", service=7777, verdict="PROVEN"), 0.0)
    assert not sources.top(7777, 0.1)


class Maps:
    def __init__(self) -> None:
        self.waiting: list[Samples] = []

    def read_samples(self) -> Samples:
        return self.waiting.pop(0) if self.waiting else np.zeros(0, SAMPLE)


def test_the_last_samples_are_kept_the_newest_first() -> None:
    maps, now = Maps(), 10.0
    kept = KeptSamples(maps, clock=lambda: now)
    maps.waiting = [samples("192.0.2.1"), samples("192.0.2.2", service=2), samples("192.0.2.3")]
    for now in (10.0, 11.0, 12.0, 13.0):  # noqa: B007 - the clock looks at it
        kept.tick()
    ages = [(age, str(address_of(sample["source"]))) for age, sample in kept.last(10, 1)]
    assert ages == [(1.0, "192.0.2.3"), (3.0, "192.0.2.1")]
    assert [age for age, _ in kept.last(2)] == [1.0, 2.0]
    maps.waiting = [samples(*["192.0.2.9"] * 4096)]
    kept.tick()
    assert len(list(kept.last(5000))) == KEPT
    kept.forget(1)
    assert not list(kept.last(10))
    assert not kept.sources(1)
