"""accel.v1.HintService: translates between the API and the gateway; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from accel.control.api import translate
from accel.control.api.pushed_hints import PushedServicer
from accel.control.api.served import Served
from accel.control.gateway.writer import Writer
from accel.control.hints import report_message, stats, warmth
from accel.control.hints.part import HintsPart
from accel.control.ports import HintMapsPort
from accel.control.state import plans
from accel.errors import InvalidError
from accel.model import message_codec
from accel.model.hints import Shard, ShardKey
from accel.model.service import Service
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc


class HintServicer(PushedServicer):
    """One for each server. What is not here answers UNIMPLEMENTED."""

    def __init__(self, *, writer: Writer, hints: HintsPart, maps: HintMapsPort) -> None:
        super().__init__(writer=writer, book=hints.book, maps=maps)
        self._hinting = hints.hinting
        self._reports = hints.reports
        self._maps = maps

    async def GetHintReport(self, request: Any, context: Any) -> Any:
        return report_message.answer(
            request.service, self._writer.state, self._reports, reset=request.reset
        )

    async def SetShard(self, request: Any, context: Any) -> Any:
        if not request.HasField("shard") or not request.shard.key:
            raise InvalidError("shard.key", "is missing", hint="SHARD_KEY_NONE is the whole ring")
        key = message_codec.member(ShardKey, request.shard.key, "shard.key")
        shard = Shard() if key is ShardKey.NONE else Shard(key=key, size=request.shard.size)
        shard.check("shard")
        plan = plans.update_service(
            request.service,
            lambda before: replace(before, hints=replace(before.hints, shard=shard)),
            expected_revision=request.expected_revision,
        )
        written = await self._writer.write(plan, validate_only=request.validate_only)
        response = pb.SetShardResponse()
        found = [c.after for c in written.changes if isinstance(c.after, Service)]
        translate.put_service(
            response.service, *(found or [self._writer.state.service(request.service)])
        )
        return response

    async def GetHintStats(self, request: Any, context: Any) -> Any:
        state, hinting = self._writer.state, self._hinting
        names = [request.service]
        if request.service:
            state.service(request.service)
        else:
            taken = state.placement.services.taken
            names = [name for name in sorted(taken) if not hinting.use(taken[name].number).idle]
        return await asyncio.to_thread(stats.collect, state, self._maps, names, self._book.counts)

    async def ReportWarm(self, request_iterator: AsyncIterator[Any], context: Any) -> Any:
        response = pb.ReportWarmResponse()
        async for report in request_iterator:
            budgets = warmth.budgets_of(report, self._writer.state)
            await asyncio.to_thread(self._maps.set_warmth, budgets)
            response.reports += 1
        return response


def served(servicer: HintServicer) -> Served:
    """HintService."""
    return Served.of(pb, "HintService", servicer, hint_pb2_grpc.add_HintServiceServicer_to_server)
