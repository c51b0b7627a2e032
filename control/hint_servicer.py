"""accel.v1.HintService: translates between the API and the gateway; decides nothing."""

from __future__ import annotations

from accel.control.gateway import Gateway
from accel.v1 import hint_pb2_grpc


class HintServicer(hint_pb2_grpc.HintServiceServicer):  # type: ignore[misc]
    """One for each server. What is not here answers UNIMPLEMENTED."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
