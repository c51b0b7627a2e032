"""Pushed hints of accel.v1.HintService: translated between the API and the book of hints."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from typing import Any

from accel.control.gateway.writer import Writer
from accel.control.hints import client_lookup
from accel.control.hints.pushed.callers import caller_of
from accel.control.hints.pushed.page import Line, Shown
from accel.control.hints.pushed.service import Applied, HintBook
from accel.control.hints.pushed.watch import What
from accel.control.ports import ClientHintPort
from accel.errors import InvalidError
from accel.explain.hints import Asked
from accel.model.address import parse_address
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc

_TOKEN = re.compile("[0-9a-f]{0,12}")
_PAGE, _GREATEST_PAGE = 1000, 10_000


class PushedServicer(hint_pb2_grpc.HintServiceServicer):  # type: ignore[misc]
    """Raises errors of accel.errors; rpc_errors.ErrorInterceptor makes statuses of them."""

    def __init__(self, *, writer: Writer, book: HintBook, maps: ClientHintPort) -> None:
        self._writer = writer
        self._book = book
        self._clients = maps

    async def ApplyHints(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        caller = ""
        async for request in requests:
            caller = caller or caller_of(request.caller, _certificate(context))
            applied = await self._writer.tasks.finish(self._book.apply(request, caller))
            yield _applied(request.version, applied)

    async def ListHints(self, request: Any, context: Any) -> Any:
        size = request.page_size or _PAGE
        if size > _GREATEST_PAGE:
            raise InvalidError(
                "page_size", f"{size} is more than {_GREATEST_PAGE}", hint="ask for more pages"
            )
        numbers = self._numbers(request.service, request.backend)
        shown, after = await self._book.page(numbers, _position(request.page_token), size)
        # Ten thousand messages take tens of milliseconds.
        messages = await asyncio.to_thread(lambda: list(map(_message, shown.lines())))
        return pb.ListHintsResponse(
            hints=messages,
            next_page_token="" if after < 0 else f"{after:x}",
            count=len(self._book),
        )

    async def LookUpHints(self, request: Any, context: Any) -> Any:
        writer = self._writer
        writer.state.service(request.service)
        client = parse_address(request.client, "client")

        def look() -> Any:
            placed = writer.state.placed(request.service, writer.hops.usable)
            asked = Asked(
                client=client,
                candidates=self._clients.candidates(placed.index, client),
                held_out=self._clients.held_out(placed.index, client),
            )
            return pb.LookUpHintsResponse(
                hints=client_lookup.known(asked, placed), holdout=asked.held_out
            )

        return await writer.exclusively(look)

    async def WatchHints(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.service:
            self._writer.state.service(request.service)
        watcher = self._book.hub.subscribe(request.service)
        try:
            await context.send_initial_metadata(())
            async for news in watcher.news():
                yield _news(news.what, news.hints)
        finally:
            self._book.hub.unsubscribe(watcher)

    def _numbers(self, service: str, backend: str) -> Collection[int] | None:
        """Of the backends that are asked for; None for all."""
        state = self._writer.state
        if not service:
            if backend:
                raise InvalidError("service", "is missing", hint="name that of the backend")
            return None
        state.service(service)
        names = [state.backend(service, backend).name] if backend else state.backends[service]
        return [state.placement.backends.taken[service, name].number for name in names]


def _certificate(context: Any) -> str | None:
    """The common name in the caller's certificate; None if there is no certificate."""
    of = context.auth_context()
    if of.get("transport_security_type") != [b"ssl"]:
        return None
    names = of.get("x509_common_name") or [b""]
    return str(names[0].decode(errors="replace"))


def _applied(version: int, applied: Applied) -> Any:
    response = pb.ApplyHintsResponse(
        version=version,
        set=applied.set,
        removed=applied.removed,
        failed=applied.refusals.count,
    )
    for refusal in applied.refusals.first():
        response.errors.add(
            entry=refusal.entry,
            field=refusal.field,
            reason=refusal.reason,
            message=refusal.message,
            hint=refusal.hint,
        )
    return response


def _message(line: Line) -> Any:
    message = pb.Hint(
        service=line.service,
        client=line.client,
        backend=line.backend,
        require=line.require,
        caller=line.caller,
    )
    message.left.seconds = line.left
    return message


def _news(what: What, hints: Shown) -> Any:
    if what is What.SET:
        return pb.WatchHintsResponse(set=map(_message, hints.lines()))
    keys = [pb.HintKey(service=line.service, client=line.client) for line in hints.lines()]
    if what is What.REMOVED:
        return pb.WatchHintsResponse(removed=keys)
    return pb.WatchHintsResponse(expired=keys)


def _position(token: str) -> int:
    if not _TOKEN.fullmatch(token):
        raise InvalidError(
            "page_token", f"{token!r} is none", hint="give next_page_token of the page before"
        )
    return int(token or "0", 16)
