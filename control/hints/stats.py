"""What decided where new flows went, and what hints there are, as the API has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from accel.control.ports import HintCountPort
from accel.control.state.state import State
from accel.datapath.hints.outcomes import HintOutcome
from accel.v1 import hint_pb2 as pb


def collect(
    state: State,
    maps: HintCountPort,
    names: Iterable[str],
    there: Callable[[int], tuple[int, int]],
) -> Any:
    """A GetHintStatsResponse of these services. `there`: pushed hints of clients, and of prefixes,
    that a service has by its index."""
    response = pb.GetHintStatsResponse()
    slots = state.placement
    learned = maps.learned_per_backend()
    for name in names:
        index = slots.services.taken[name].number
        counts = maps.counts(index)
        pushed, of_prefixes = there(index)
        into = response.services.add(
            service=name,
            learned=counts.learned,
            refreshed=counts.refreshed,
            unlearned=counts.unlearned,
            pushed_hints=pushed,
            prefix_hints=of_prefixes,
        )
        for outcome, flows in counts.outcomes.items():
            if flows:
                into.outcomes.add(
                    outcome=outcome.label, meaning=outcome.meaning, kind=_kind(outcome), flows=flows
                )
        of_service = sorted(state.backends[name])
        numbers = [slots.backends.taken[name, backend].number for backend in of_service]
        standings = maps.standings(index, numbers)
        for backend, number, standing in zip(of_service, numbers, standings, strict=True):
            into.backends.add(
                backend=backend,
                learned_hints=int(learned[number]),
                flows=standing.flows,
                bound=standing.limit,
                warm=standing.warm,
            )
    return response


def _kind(outcome: HintOutcome) -> int:
    kind = outcome.kind.upper() or "UNSPECIFIED"
    return int(pb.HintKind.Value(f"HINT_KIND_{kind}"))
