"""How flows die: idle ones, and the oldest of a full bucket."""

from __future__ import annotations

import numpy as np

from accel.datapath.layout import CONSTANTS
from tests.support.packets.flows import (
    ACK,
    LIFETIME,
    WAYS_OF_BUCKET,
    client,
    known,
    path_mtu_error,
    stored,
)
from tests.support.packets.packets import LINK
from tests.support.packets.rig import Rig


def test_idle_flows_die_after_their_lifetime(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME)
    assert known(rig, bytes(ACK))
    assert rig.datapath.flows.per_backend().sum() == 1
    rig.next_epoch()
    assert not known(rig, bytes(ACK))
    assert rig.datapath.flows.per_backend().sum() == 0
    assert stored(rig) == 0, "swept"


def test_idle_flows_are_dead_before_they_are_swept_away(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.settings.view(np.uint32)[0] += LIFETIME
    assert known(rig, bytes(ACK))
    rig.settings.view(np.uint32)[0] += 1
    assert not known(rig, bytes(ACK))


def test_flows_in_use_do_not_die(rig: Rig) -> None:
    for _ in range(3):
        rig.count(bytes(ACK))
        rig.next_epoch(LIFETIME)
    assert known(rig, bytes(ACK))


def test_an_icmp_error_and_a_trace_do_not_keep_a_flow_alive(rig: Rig) -> None:
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME)
    rig.trace(bytes(ACK))
    rig.count(bytes(LINK / path_mtu_error()))
    rig.next_epoch()
    assert not known(rig, bytes(ACK))


def test_a_dead_flow_never_looks_young_again(rig: Rig) -> None:
    """Ages are counted modulo AGES: the sweep has to come before they turn over."""
    rig.count(bytes(ACK))
    rig.next_epoch(LIFETIME + 1)
    for _ in range(2 * CONSTANTS["AGES"]):
        assert not known(rig, bytes(ACK))
        rig.next_epoch()


def bucketful(rig: Rig) -> list[bytes]:
    """Flows of one bucket, one more than it has room for: found by where their words appear."""
    by_bucket: dict[int, list[bytes]] = {}
    for number in range(1000):
        frame = client(number)
        rig.flow_words[:] = 0
        rig.count(frame)
        bucket = int(np.flatnonzero(rig.flow_words)[0]) // WAYS_OF_BUCKET
        frames = by_bucket.setdefault(bucket, [])
        frames.append(frame)
        if len(frames) > WAYS_OF_BUCKET:
            rig.flow_words[:] = 0
            return frames
    raise AssertionError("a thousand flows and no full bucket")


def test_a_full_bucket_loses_its_oldest_flow(rig: Rig) -> None:
    *frames, last = bucketful(rig)
    oldest = frames[3]
    rig.count(oldest)
    rig.next_epoch()
    for frame in frames:
        if frame is not oldest:
            rig.count(frame)
    rig.count(last)
    assert not known(rig, oldest)
    assert all(known(rig, frame) for frame in (*frames, last) if frame is not oldest)


def test_a_full_bucket_keeps_what_is_in_use(rig: Rig) -> None:
    """The oldest is the one that was idle for longest, not the one that was stored first."""
    *frames, last = bucketful(rig)
    for frame in frames:
        rig.count(frame)
    rig.next_epoch()
    for frame in frames[:-1]:
        rig.count(frame)
    rig.count(last)
    assert [known(rig, frame) for frame in frames] == [True] * (WAYS_OF_BUCKET - 1) + [False]


def test_a_flood_of_packets_that_come_once_leaves_live_flows_alone(rig: Rig) -> None:
    live = [client(number) for number in range(12)]
    for frame in live * 2:
        rig.count(frame)
    for number in range(12, 3012):
        rig.count(client(number))
    assert all(known(rig, frame) for frame in live)
    assert stored(rig) == len(rig.flow_words), "the flood filled what was free"
