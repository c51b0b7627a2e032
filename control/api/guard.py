"""accel.v1.GuardService: what the guards do and see. Translates only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from accel.control.api.served import Served
from accel.control.api.stats import counts_of
from accel.control.guard.guards import Guards, Standing
from accel.control.guard.monitor import Seen
from accel.control.guard.samples import KeptSamples
from accel.control.guard.top_sources import address_of
from accel.control.ports import CounterPort
from accel.control.state.state import State
from accel.datapath.guard.counts import Counted
from accel.errors import InvalidError
from accel.model import message_codec
from accel.model.guard import Policy
from accel.v1 import guard_pb2 as pb
from accel.v1 import guard_pb2_grpc
from accel.verdicts import Verdict

_SAMPLES = (20, 1000)  # by default, and at the most
_SYNS = (Counted.SYN, Counted.CHALLENGED, Counted.FIRST_SYN, Counted.COOKIE, Counted.SYN_RATE)
_STRAYS = (Counted.UNKNOWN_FLOW, Counted.BAD_COOKIE)
_DROPPED = (
    Counted.FIRST_SYN,
    Counted.BAD_COOKIE,
    Counted.UNKNOWN_FLOW,
    Counted.SYN_RATE,
    Counted.BAD_FLAGS,
    Counted.FIRST_FRAGMENT,
    Counted.DENIED,
)


class GuardServicer(guard_pb2_grpc.GuardServiceServicer):  # type: ignore[misc]
    """Raises errors of accel.errors, as Servicer does."""

    def __init__(
        self,
        *,
        guards: Guards,
        samples: KeptSamples,
        counters: CounterPort,
        state: Callable[[], State],
    ) -> None:
        self._guards = guards
        self._samples = samples
        self._counters = counters
        self._state = state

    async def GetGuardStatus(self, request: Any, context: Any) -> Any:
        state = self._state()
        if request.service:
            state.service(request.service)
        names = [request.service] if request.service else sorted(state.services)
        response = pb.GetGuardStatusResponse()

        def fill() -> None:
            for name in names:
                self._put_status(response.guards.add(), name, state)

        await asyncio.to_thread(fill)
        return response

    async def ListGuardSamples(self, request: Any, context: Any) -> Any:
        state, (usual, most) = self._state(), _SAMPLES
        if request.limit > most:
            raise InvalidError("limit", f"{request.limit} is above {most}", hint="ask for fewer")
        index = None
        if request.service:
            state.service(request.service)
            index = state.placement.services.taken[request.service].number
        names = {slot.number: name for name, slot in state.placement.services.taken.items()}
        response = pb.ListGuardSamplesResponse()
        for seconds, sample in self._samples.last(request.limit or usual, index):
            response.samples.add(
                seconds_ago=seconds,
                service=names.get(int(sample["service"]), ""),
                verdict=Verdict(int(sample["verdict"])).label,
                source=str(address_of(sample["source"])),
                source_port=int(sample["source_port"]),
                destination=str(address_of(sample["destination"])),
                destination_port=int(sample["destination_port"]),
                protocol=int(sample["protocol"]),
                tcp_flags=int(sample["tcp_flags"]),
                length=int(sample["length"]),
                count=int(sample["count"]),
            )
        return response

    def _put_status(self, into: Any, name: str, state: State) -> None:
        service = state.services[name]
        index = state.placement.services.taken[name].number
        guard, standing = service.guard, self._guards.standing(index, service)
        limits = standing.thresholds
        into.service = name
        message_codec.put(into.guard, guard)
        into.state = _state(standing, guard.policy)
        into.problem = self._guards.problem(guard)
        into.answering = standing.phase.answering and not into.problem
        if standing.since is not None:
            into.seconds = standing.since
        if standing.seen is not None:
            _put_rates(into.rates, standing.seen)
        for field in ("on", "off", "ceiling", "learned"):
            setattr(into.thresholds, field, getattr(limits, field))
        into.thresholds.quiet = standing.quiet
        for source in self._samples.sources(index):
            into.sources.add(
                prefix=source.prefix, packets_per_second=source.packets, share=source.share
            )
        into.noted.extend(counts_of(self._counters.noted(index)))


def _state(standing: Standing, policy: Policy) -> int:
    if standing.attack:
        return pb.GUARD_STATE_ATTACK
    if standing.phase.lingering:
        return pb.GUARD_STATE_LINGER
    return pb.GUARD_STATE_OFF if policy is Policy.OFF else pb.GUARD_STATE_QUIET


def _put_rates(into: Any, seen: Seen) -> None:
    rates = seen.rates
    into.excess, into.total = seen.excess, seen.total
    into.syn = rates[list(_SYNS)].sum()
    into.challenged = rates[Counted.CHALLENGED]
    into.proven = rates[Counted.PROVEN]
    into.cookies = rates[Counted.COOKIE]
    into.cookies_answered = rates[Counted.ANSWERED]
    into.first_syns = rates[Counted.FIRST_SYN]
    # A flow that began with a SYN or a cookie is no stray.
    begun = rates[Counted.SYN] + rates[Counted.ANSWERED]
    into.strays = max(rates[Counted.NEW] - begun, 0) + rates[list(_STRAYS)].sum()
    into.dropped = rates[list(_DROPPED)].sum()


def served(servicer: GuardServicer) -> Served:
    """GuardService."""
    return Served.of(
        pb, "GuardService", servicer, guard_pb2_grpc.add_GuardServiceServicer_to_server
    )
