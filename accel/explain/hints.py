"""Where hints send a new flow, and why they are passed over, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accel.datapath.hints.admission import Candidate, Refusal
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.testrun import Outcome
from accel.model.address import Address
from accel.model.backend import State
from accel.model.hints import Affinity, Hints, Kind, ShardKey
from accel.model.placement import PlacedBackend, PlacedService

_FOLLOWED = (HintOutcome["CID"], *(HintOutcome[k] for k in ("PUSHED", "LEARNED", "PREFIX")))
_NAMES = {
    Kind.PUSHED: "The hint that was pushed for {client}",
    Kind.LEARNED: "The hint that was learned for {client}",
    Kind.PREFIX: "The hint for the longest prefix that has {client}",
}
_CIDS = {
    HintOutcome["CID"]: "The server id in its QUIC connection id is that of backend {name!r}, which"
    " gets what has moved.",
    HintOutcome[
        "CID_UNROUTABLE"
    ]: "No backend's server id can be read from its QUIC connection id.",
    HintOutcome["CID_STALE"]: "The server id in its QUIC connection id is of a backend that is gone"
    " or down: passed over.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What there is for the client of a packet, in the order in which it is asked."""

    client: Address
    candidates: Sequence[Candidate] = ()
    held_out: bool = False


def is_followed(outcome: Outcome) -> bool:
    """Whether a hint or a server id says where the flow goes, and not the ring."""
    return outcome.hint in _FOLLOWED


def steps(
    outcome: Outcome, service: PlacedService, backend: PlacedBackend | None, asked: Asked | None
) -> list[str]:
    """What was asked before the base choice; nothing if hints were not asked at all."""
    if outcome.hint is None:
        return []
    name = backend.backend.name if backend else ""
    said = [_CIDS[outcome.hint].format(name=name)] if outcome.hint in _CIDS else []
    if outcome.hint is HintOutcome["CID"] or asked is None:
        return said
    if asked.held_out:
        return [
            *said,
            f"Its client is of the holdout group, {service.service.hints.holdout:g} % of all: hints"
            " are ignored, and the choice is that by the whole connection.",
        ]
    for candidate in asked.candidates:
        said.append(_candidate(candidate, service, asked.client))
        if not candidate.refused:
            break
    if outcome.hint is HintOutcome["LATE"]:
        said.append(
            "But this opens nothing, and no SYN of it was stored, so that went by the base choice:"
            " so does this."
        )
    return said


def _candidate(candidate: Candidate, service: PlacedService, client: Address) -> str:
    begin = _NAMES[candidate.kind].format(client=client)
    target = owner(candidate, service)
    if candidate.refused is Refusal.EXPIRED:
        return f"{begin} is past its time: passed over."
    if candidate.refused is Refusal.STALE or target is None:
        return f"{begin} is of a backend that is gone or was replaced: passed over."
    begin = f"{begin} names backend {target.backend.name!r}"
    if candidate.refused is Refusal.DOWN:
        return f"{begin}, {_why_down(target)}: passed over."
    load = ""
    if candidate.standing.limit is not None:
        standing = candidate.standing
        load = f" ({standing.flows} of {standing.limit} new flows this second)"
    if candidate.refused is Refusal.OVERFLOW:
        return f"{begin}, which is at its load bound{load}: passed over."
    return f"{begin}, which may have it{load}."


def owner(candidate: Candidate, service: PlacedService) -> PlacedBackend | None:
    """The backend that a hint names, if it is still the same."""
    seen = candidate.seen
    return next(
        (
            b
            for b in service.backends
            if b.number == seen.number and b.generation == seen.generation
        ),
        None,
    )


def _why_down(target: PlacedBackend) -> str:
    state = target.backend.state
    if state is State.UP:
        return "which has no next hop"
    return f"which gets no new flows (state {state.name.lower()})"


def base(hints: Hints, held_out: bool) -> str:
    """What the slot of the ring is a hash of."""
    if held_out:
        return "its addresses and ports"
    if hints.shard.key is not ShardKey.NONE:
        by = {
            ShardKey.SOURCE: "its client",
            ShardKey.PORT: "its client's port",
            ShardKey.SERVICE: "the service",
        }[hints.shard.key]
        return f"{by} (a shard of {hints.shard.size}) and of the whole connection in it"
    return {
        Affinity.NONE: "its addresses and ports",
        Affinity.CLIENT: "its client",
        Affinity.PREFIX: "its client's network",
    }[hints.affinity]


def instead(outcome: Outcome, backend: PlacedBackend) -> str:
    """Why it is not the ring's own choice, if it is not."""
    name = backend.backend.name
    if outcome.hint is HintOutcome["BASE_OVERFLOW"]:
        return f"whose backend is at its load bound: backend {name!r} takes it instead"
    if outcome.hint is HintOutcome["WARM"]:
        return f"but backend {name!r} is the warmer one of two candidates"
    return ""
