"""A connection to the daemon's unix socket: calls, their timeout, and errors of accel.errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from accel.client.daemon_probe import unreachable
from accel.client.errors import from_call
from accel.errors import AccelError

_OPTIONS = (
    # A whole desired state is one message: 100,000 backends take some ten megabytes.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The authority of a unix socket is its path, percent-encoded, which some servers refuse.
    ("grpc.default_authority", "localhost"),
)


class Connection:
    """A channel, and how a call is made and fails."""

    def __init__(self, socket: Path, *, seconds: float = 60.0) -> None:
        self._socket = socket
        self._seconds = seconds
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._seconds)
        except grpc.RpcError as error:
            raise self._error(error) from None

    def _error(self, error: grpc.RpcError) -> AccelError:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return unreachable(self._socket) or from_call(error, where="", seconds=None)
        return from_call(error, where=str(self._socket), seconds=self._seconds)
