"""A client's hints as the API has them."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration

from accel.datapath.hints.admission import Candidate
from accel.datapath.testrun import Outcome
from accel.explain import hints
from accel.explain.hints import Asked
from accel.model.hints import Kind
from accel.model.placement import PlacedBackend, PlacedService
from accel.v1 import hint_pb2

HELD_OUT = "held out"
_KINDS = {
    Kind.PUSHED: hint_pb2.HINT_KIND_PUSHED,
    Kind.LEARNED: hint_pb2.HINT_KIND_LEARNED,
    Kind.PREFIX: hint_pb2.HINT_KIND_PREFIX,
}
_CIDS = {"CID": "", "CID_STALE": "stale"}


def known(asked: Asked, service: PlacedService) -> list[Any]:
    """A KnownHint of each candidate, in the order in which they are asked."""
    return [_known(candidate, asked, service) for candidate in asked.candidates]


def _known(candidate: Candidate, asked: Asked, service: PlacedService) -> Any:
    owner = hints.owner(candidate, service)
    return hint_pb2.KnownHint(
        kind=_KINDS[candidate.kind],
        backend=owner.backend.name if owner else "",
        require=candidate.seen.require,
        left=Duration(seconds=candidate.seen.seconds),
        refused=HELD_OUT if asked.held_out else candidate.refused.label,
    )


def of_outcome(outcome: Outcome, backend: PlacedBackend | None) -> list[Any]:
    """A KnownHint of the server id that a packet has, if it has one that is a backend's."""
    if outcome.hint is None or outcome.hint.name not in _CIDS:
        return []
    refused = _CIDS[outcome.hint.name]
    return [
        hint_pb2.KnownHint(
            kind=hint_pb2.HINT_KIND_CID,
            backend=backend.backend.name if backend and not refused else "",
            refused=refused,
        )
    ]
