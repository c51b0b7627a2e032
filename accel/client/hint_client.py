"""What an agent tells a gateway: hints, and how many warm connections a backend has.

    from pathlib import Path
    from accel.client.hint_client import HintClient

    with HintClient(Path("/run/accel/accel.sock")) as gateway:
        done = gateway.push("api", {"192.0.2.7": "b1", "2001:db8:7::/48": "b2"}, lifetime=3600)
        for refused in done.errors:
            print(refused.client, refused.message)
        gateway.report_warm("api", {"b1": 12})  # twice a second: it is believed for two

docs/agents.md says what an agent is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from accel.client import hint_packing
from accel.client.channel import Certificates, open_channel
from accel.client.daemon_probe import unreachable
from accel.client.errors import from_call
from accel.client.hint_packing import Client, Request, Terms
from accel.errors import AccelError, InvalidError, UnreachableError
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc

MOST_WARM = (1 << 32) - 1
_AGAIN_SECONDS = 0.1
_ERRORS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A hint that the gateway did not take. `reason`: FIELD_INVALID, NOT_FOUND, CAPACITY, QUOTA."""

    client: str
    reason: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """How many hints were set, removed and refused; `errors` has the first hundred."""

    set: int = 0
    removed: int = 0
    failed: int = 0
    errors: tuple[Refused, ...] = ()


class HintClient:
    """A gateway's daemon, as an agent sees it. Connects when it is first told something.

    `target` is the path of the daemon's socket, or HOST:PORT together with `certificates`. The
    connection is made anew when it is lost: whatever is told is told again until the gateway has
    said that it knows it, or `seconds` are over. `caller` is whose quota the hints count against;
    over TLS it is the certificate's common name. May be used by several threads.

    Calls raise UnreachableError, and what the gateway answers: NotFoundError, InvalidError,
    HostError. Raises HostError if the certificates cannot be read, InvalidError if there are none.
    """

    def __init__(
        self,
        target: Path | str,
        *,
        certificates: Certificates | None = None,
        caller: str = "",
        seconds: float = 10.0,
    ) -> None:
        self._target = target
        self._caller = caller
        self._seconds = seconds
        self._channel = open_channel(target, certificates)
        self._stub = hint_pb2_grpc.HintServiceStub(self._channel)

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
        """What was pushed stays; what was reported warm is forgotten after two seconds."""
        self._channel.close()

    def push(
        self,
        service: str,
        hints: Mapping[Client, str],
        *,
        lifetime: float | None = None,
        longest: float | None = None,
        require: bool = False,
    ) -> Applied:
        """New connections of these clients go to the backend that stands beside each.

        A client is an address, for which the service's `key4` and `key6` say how much of it
        counts, or a prefix. Seconds: a hint ends `lifetime` after its last use and `longest` after
        now; None is the service's lifetime, and a day. `require`: also above the load bound.

        A hint that is wrong is refused by itself, and is in the answer's `errors`.
        """
        terms = Terms(lifetime=lifetime, longest=longest, require=require)
        return self._apply(hint_packing.to_set(service, hints, terms))

    def remove(self, service: str, clients: Iterable[Client]) -> Applied:
        """The hints of these clients and prefixes end, if there are any."""
        return self._apply(hint_packing.to_remove(service, clients))

    def report_warm(self, service: str, budgets: Mapping[str, int]) -> None:
        """How many connections these backends have open and idle, to what is behind them.

        It is believed for two seconds, so say it about twice a second. Said once, whatever
        becomes of it: what is late is of no use.
        """
        request = pb.ReportWarmRequest(service=service)
        for backend, connections in budgets.items():
            if not 0 <= connections <= MOST_WARM:
                raise InvalidError(
                    f"budgets[{backend!r}]", f"{connections} is not from 0 to {MOST_WARM}"
                )
            request.budgets.add(backend=backend, connections=connections)
        try:
            self._stub.ReportWarm(iter([request]), timeout=self._seconds)
        except grpc.RpcError as error:
            raise self._error(error) from None

    def _apply(self, requests: Iterable[Request]) -> Applied:
        """Each request until it is answered: to say it twice does no harm."""
        waiting = list(requests)
        for number, request in enumerate(waiting):
            request.message.version = number
            request.message.caller = self._caller
        deadline, done = time.monotonic() + self._seconds, Applied()
        while waiting:
            try:
                for answer in self._ask(waiting, deadline - time.monotonic()):
                    done = _added(done, answer, waiting.pop(0).clients)
            except UnreachableError:
                if time.monotonic() + _AGAIN_SECONDS > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)
        return done

    def _ask(self, requests: list[Request], seconds: float) -> Iterator[Any]:
        messages = [request.message for request in requests]
        try:
            yield from self._stub.ApplyHints(iter(messages), timeout=seconds)
        except grpc.RpcError as error:
            raise self._error(error) from None

    def _error(self, error: grpc.RpcError) -> AccelError:
        if error.code() == grpc.StatusCode.UNAVAILABLE and isinstance(self._target, Path):
            found = unreachable(self._target)
            if found is not None:
                return found
        return from_call(error, where=str(self._target), seconds=self._seconds)


def _added(done: Applied, answer: Any, clients: Sequence[object]) -> Applied:
    refused = (
        Refused(client=str(clients[e.entry]), reason=e.reason, message=e.message, hint=e.hint)
        for e in answer.errors
    )
    return Applied(
        set=done.set + answer.set,
        removed=done.removed + answer.removed,
        failed=done.failed + answer.failed,
        errors=(*done.errors, *refused)[:_ERRORS],
    )
