"""accel.v1.HintService: translates between the API and the gateway; decides nothing."""

from __future__ import annotations

from typing import Any

from accel.control import hint_report_message
from accel.control.gateway import Gateway
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
