"""The client's calls for pushed hints of accel.v1.HintService."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from accel.client.client import Client
from accel.model.results import hints
from accel.model.results.hints import KnownHint
from accel.v1 import hint_pb2 as pb

_PAGE = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PushedHint:
    """A hint as the daemon has it; `left` is in seconds."""

    service: str
    client: str
    backend: str
    require: bool
    caller: str
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HintNews:
    """What happened to a hint: "set", "removed" or "expired"; of the last two only whose it was."""

    what: str
    service: str
    client: str
    hint: PushedHint | None = None


class PushedClient(Client):
    """As Client. accel.client.hint_client.HintClient is what agents use: it keeps trying."""

    def apply_hints(self, requests: Iterable[Any]) -> Iterator[Any]:
        """ApplyHintsRequest to ApplyHintsResponse, in order, as they are done."""
        call = self._hints.ApplyHints(iter(requests))
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._error(error) from None
        finally:
            call.cancel()

    def pushed_hints(self, service: str = "", backend: str = "") -> Iterator[PushedHint]:
        """All of them, or those of a service or of a backend of it; in no particular order."""
        token = ""
        while True:
            request = pb.ListHintsRequest(
                service=service, backend=backend, page_size=_PAGE, page_token=token
            )
            answer = self._call(self._hints.ListHints, request)
            yield from map(_pushed, answer.hints)
            token = answer.next_page_token
            if not token:
                return

    def known_hints(self, service: str, client: str) -> tuple[list[KnownHint], bool]:
        """All that is known of a client, in the order in which it is asked; and whether it is of
        the holdout group, whose hints are ignored."""
        request = pb.LookUpHintsRequest(service=service, client=client)
        answer = self._call(self._hints.LookUpHints, request)
        return list(map(hints.known_hint, answer.hints)), answer.holdout

    def watch_hints(self, service: str = "") -> Iterator[HintNews]:
        """What happens to hints from now on, without end."""
        call = self._hints.WatchHints(pb.WatchHintsRequest(service=service))
        try:
            for answer in call:
                yield from _news(answer)
        except grpc.RpcError as error:
            raise self._error(error) from None
        finally:
            call.cancel()


def _pushed(message: Any) -> PushedHint:
    return PushedHint(
        service=message.service,
        client=message.client,
        backend=message.backend,
        require=message.require,
        caller=message.caller,
        left=message.left.seconds,
    )


def _news(message: Any) -> Iterator[HintNews]:
    for m in message.set:
        yield HintNews(what="set", service=m.service, client=m.client, hint=_pushed(m))
    for what, keys in (("removed", message.removed), ("expired", message.expired)):
        for key in keys:
            yield HintNews(what=what, service=key.service, client=key.client)
