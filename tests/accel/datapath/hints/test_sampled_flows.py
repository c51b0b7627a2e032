"""From samples to what is known of a flow, in order and out of order, whole and not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath.hints.sampled_flows import LONGEST, MOST, Measured, SampledFlows
from accel.datapath.samples import HINT_SAMPLE
from tests.accel.tls.test_client_hello import KEY_SHARE, PSK, VERSIONS, hello
from tests.support.hints.hint_samples import MS, sample

HELLO = hello(VERSIONS + PSK)
LONG = hello(VERSIONS + KEY_SHARE + PSK)
FINISHED = b"\x14\x03\x03\x00\x01\x01" + b"\x17\x03\x03\x00\x35" + bytes(53)
DATA = b"\x17\x03\x03\x01\x00" + bytes(256)


def add(flows: SampledFlows, *samples: np.ndarray) -> list[Measured]:
    return list(flows.add(np.concatenate(samples)))


def test_a_flow_is_done_with_the_end_of_its_handshake() -> None:
    flows = SampledFlows()
    assert add(flows, sample(3 * MS, 0, HELLO, held_out=1, opened=5)) == []
    (found,) = add(flows, sample(7 * MS, len(HELLO), FINISHED + DATA, held_out=1, opened=5))
    assert found == Measured(
        service=1,
        held_out=True,
        opened=5,
        first_payload=0.003,
        second_payload=0.007,
        resumes=True,
        handshake_bytes=len(HELLO) + len(FINISHED),
    )
    assert add(flows, sample(9 * MS, len(HELLO) + len(FINISHED) + len(DATA), DATA)) == []
    assert list(flows.expire(2 * LONGEST)) == []
    assert len(flows) == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_a_hello_in_two_segments_in_any_order(order: tuple[int, ...]) -> None:
    parts = [(0, LONG[:1200]), (1200, LONG[1200:]), (len(LONG), FINISHED)]
    flows = SampledFlows()
    found = add(
        flows, *(sample((i + 1) * MS, *parts[which]) for i, which in enumerate(order))
    ) or list(flows.expire(2 * LONGEST))
    (flow,) = found
    assert (flow.resumes, flow.handshake_bytes) == (True, len(LONG) + len(FINISHED))
    in_order = order[:2] in ((0, 1), (1, 0))
    assert flow.first_payload == (0.001 if in_order else None)
    assert flow.second_payload == (0.002 if in_order else None)


def test_what_is_sent_again_is_no_second_packet() -> None:
    flows = SampledFlows()
    assert add(flows, sample(MS, 0, HELLO), sample(4 * MS, 0, HELLO)) == []
    (flow,) = add(flows, sample(5 * MS, len(HELLO), FINISHED))
    assert (flow.first_payload, flow.second_payload) == (0.001, 0.005)


def test_of_what_is_not_tls_only_times_are_known() -> None:
    flows = SampledFlows()
    found = add(flows, sample(MS, 0, b"GET / HTTP/1.1\r\n\r\n"), sample(2 * MS, 18, b"GET /"))
    assert [(f.first_payload, f.second_payload, f.resumes, f.handshake_bytes) for f in found] == [
        (0.001, 0.002, None, None)
    ]


def test_without_copies_only_times_are_known() -> None:
    flows = SampledFlows()
    end = len(HELLO)
    (flow,) = add(flows, sample(MS, 0, HELLO, copied=0), sample(2 * MS, end, FINISHED, copied=0))
    assert (flow.second_payload, flow.resumes, flow.handshake_bytes) == (0.002, None, None)


def test_a_sample_that_was_dropped_is_not_guessed() -> None:
    flows = SampledFlows()
    assert add(flows, sample(2 * MS, len(HELLO), FINISHED)) == []
    (flow,) = flows.expire(LONGEST + 1)
    assert (flow.first_payload, flow.second_payload) == (None, None)
    assert (flow.resumes, flow.handshake_bytes) == (None, None)


def test_a_flow_that_says_no_more_is_told_when_its_time_is_over() -> None:
    flows = SampledFlows()
    add(flows, sample(MS, 0, HELLO, opened=1000))
    assert list(flows.expire(LONGEST + 1000)) == []
    (flow,) = flows.expire(LONGEST + 1001)
    assert (flow.first_payload, flow.second_payload, flow.resumes) == (0.001, None, True)


def test_flows_are_told_apart() -> None:
    """By client, by ports, by service, and by their SYN."""
    flows = SampledFlows()
    for other in (
        {},
        {"client": 2},
        {"source_port": 2},
        {"service": 2},
        {"first": 7, "sequence": 8},
    ):
        assert add(flows, sample(MS, 0, HELLO, **other)) == []
    assert len(flows) == 5


def test_no_more_flows_are_kept_than_there_is_room_for() -> None:
    flows = SampledFlows()
    samples = np.concatenate([sample(MS, 0, HELLO)] * (2 * MOST))
    samples["source"][:, 1] = np.arange(2 * MOST)
    found = list(flows.add(samples))
    assert len(flows) == MOST
    assert len(found) == MOST
    assert all(flow.first_payload == 0.001 for flow in found)


@given(st.lists(st.binary(min_size=HINT_SAMPLE.itemsize, max_size=HINT_SAMPLE.itemsize)))
def test_no_bytes_make_it_raise(records: list[bytes]) -> None:
    samples = np.frombuffer(b"".join(records), HINT_SAMPLE).copy()
    samples["copied"] %= 1465
    flows = SampledFlows()
    assert len([*flows.add(samples), *flows.expire(1 << 64)]) <= len(records)
