"""What is said of hints, for each way that a candidate can go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accel.datapath.hints.admission import Candidate, Refusal
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.values import Seen, Standing
from accel.explain.hints import Asked
from accel.explain.packet import steps
from accel.model.address import parse_address
from accel.model.backend import Backend, State
from accel.model.hints import Affinity, Hints, Kind, Shard, ShardKey
from accel.model.placement import PlacedBackend, PlacedService
from tests.accel.explain.test_explain import HOP, WEB
from tests.accel.explain.test_explain import outcome as made

CLIENT = parse_address("198.51.100.7", "")


def placed(name: str, number: int, **fields: Any) -> PlacedBackend:
    backend = Backend(service="web", name=name, address=parse_address("10.0.0.1", ""), **fields)
    return PlacedBackend(backend=backend, number=number, generation=1, next_hop=HOP)


def candidate(kind: Kind, number: int, refused: Refusal, limit: int | None = None) -> Candidate:
    return Candidate(
        kind=kind,
        seen=Seen(number=number, generation=1, require=False, seconds=60),
        refused=refused,
        standing=Standing(flows=12, limit=limit, warm=None),
    )


def said(
    hint: str,
    *candidates: Candidate,
    held_out: bool = False,
    hints: Hints | None = None,
    slot: int | None = 17,
    b: PlacedBackend | None = None,
) -> str:
    backends = (placed("a", 1), b or placed("b", 2))
    service = replace(WEB, hints=hints or Hints())
    found = steps(
        packet="a packet",
        outcome=made("FORWARD_SYN", slot=slot, hint=HintOutcome[hint]),
        service=PlacedService(service=service, index=1, backends=backends),
        backend=backends[0],
        asked=Asked(client=CLIENT, candidates=candidates, held_out=held_out),
    )
    return "\n".join(found)


def test_a_backend_at_its_bound_is_passed_over() -> None:
    text = said("PUSHED_OVERFLOW", candidate(Kind.PUSHED, 2, Refusal.OVERFLOW, 12))
    assert (
        "The hint that was pushed for 198.51.100.7 names backend 'b', which is at its load bound"
        " (12 of 12 new flows this second): passed over.\n"
        "The hash of its addresses and ports is slot 17 of 65537 in the ring, which belongs to"
        " backend 'a'" in text
    )


@pytest.mark.parametrize(
    ("refused", "b", "says"),
    [
        (Refusal.EXPIRED, None, "learned for 198.51.100.7 is past its time: passed over."),
        (Refusal.STALE, None, "learned for 198.51.100.7 is of a backend that is gone or was"),
        (Refusal.DOWN, placed("b", 2), "names backend 'b', which has no next hop: passed over."),
        (
            Refusal.DOWN,
            placed("b", 2, state=State.DRAIN),
            "names backend 'b', which gets no new flows (state drain): passed over.",
        ),
    ],
)
def test_why_one_is_passed_over(refused: Refusal, b: PlacedBackend | None, says: str) -> None:
    assert says in said("LEARNED_STALE", candidate(Kind.LEARNED, 2, refused), b=b)


def test_what_is_taken_ends_the_search_and_no_ring_is_asked() -> None:
    text = said(
        "LEARNED",
        candidate(Kind.PUSHED, 7, Refusal.STALE),
        candidate(Kind.LEARNED, 1, Refusal.ADMITTED, 20),
        candidate(Kind.PREFIX, 2, Refusal.ADMITTED),
    )
    assert "pushed for 198.51.100.7 is of a backend that is gone" in text
    assert "names backend 'a', which may have it (12 of 20 new flows this second)." in text
    assert "prefix" not in text
    assert "slot" not in text


def test_the_held_out_ignore_hints() -> None:
    text = said(
        "HOLDOUT",
        candidate(Kind.PUSHED, 2, Refusal.ADMITTED),
        held_out=True,
        hints=Hints(affinity=Affinity.CLIENT, holdout=2.5),
    )
    assert "of the holdout group, 2.5 % of all: hints are ignored" in text
    assert "names backend" not in text
    assert "The hash of its addresses and ports is slot 17" in text


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        (Hints(affinity=Affinity.CLIENT), "The hash of its client is slot 17"),
        (Hints(affinity=Affinity.PREFIX), "The hash of its client's network is slot 17"),
        (
            Hints(shard=Shard(key=ShardKey.PORT, size=3)),
            "The hash of its client's port (a shard of 3) and of the whole connection in it is",
        ),
    ],
)
def test_what_the_base_choice_goes_by(hints: Hints, says: str) -> None:
    assert says in said("BASE", hints=hints)


@pytest.mark.parametrize(
    ("hint", "says"),
    [
        ("BASE_OVERFLOW", "in the ring, whose backend is at its load bound: backend 'a' takes it"),
        ("WARM", "in the ring, but backend 'a' is the warmer one of two candidates."),
        ("CID", "is that of backend 'a', which gets what has moved."),
        ("CID_UNROUTABLE", "No backend's server id can be read from its QUIC connection id."),
        ("CID_STALE", "is of a backend that is gone or down: passed over."),
        ("LATE", "no SYN of it was stored, so that went by the base choice: so does this."),
    ],
)
def test_other_ways(hint: str, says: str) -> None:
    assert says in said(hint)


def test_a_server_id_is_followed_without_a_slot() -> None:
    text = said("CID", slot=None)
    assert "The flow cache does not know the connection." in text
    assert "slot" not in text
