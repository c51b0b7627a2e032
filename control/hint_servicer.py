"""accel.v1.HintService: translates between the API and the gateway; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from accel.control import hint_report_message, warmth
from accel.control.gateway import Gateway
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc


class HintServicer(hint_pb2_grpc.HintServiceServicer):  # type: ignore[misc]
    """One for each server. What is not here answers UNIMPLEMENTED."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def GetHintReport(self, request: Any, context: Any) -> Any:
        gateway = self._gateway
        return hint_report_message.answer(
            request.service, gateway.state, gateway.reports, reset=request.reset
        )

    async def ReportWarm(self, request_iterator: AsyncIterator[Any], context: Any) -> Any:
        response = pb.ReportWarmResponse()
        async for report in request_iterator:
            budgets = warmth.budgets_of(report, self._gateway.state)
            await asyncio.to_thread(self._gateway.data_path.hints.set_warmth, budgets)
            response.reports += 1
        return response
