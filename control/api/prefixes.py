"""accel.v1.PrefixService. Translates only: what is done is done by the PrefixBook."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np

from accel.config.prefix_text import Listed, Reader, each_once
from accel.control.api.served import Served
from accel.control.gateway.tasks import Tasks
from accel.control.prefixes.book import PrefixBook
from accel.control.store.prefixes import Stored, key_of
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.prefix import GREATEST_COMMENT, GREATEST_TTL, parse_prefix
from accel.model.prefix_columns import Prefixes
from accel.v1 import prefix_pb2 as pb
from accel.v1 import prefix_pb2_grpc

_PAGE, _GREATEST_PAGE = 1000, 10_000
_KEY = 17  # bytes of a page token, once they are not in hexadecimal
_DENY = {pb.PREFIX_ACTION_ALLOW: False, pb.PREFIX_ACTION_DENY: True}


class PrefixServicer(prefix_pb2_grpc.PrefixServiceServicer):  # type: ignore[misc]
    """Raises errors of accel.errors; rpc_errors.ErrorInterceptor makes statuses of them."""

    def __init__(self, book: PrefixBook, tasks: Tasks) -> None:
        self._book = book
        self._finish = tasks.finish

    async def AddPrefixes(self, request: Any, context: Any) -> Any:
        listed = _listed(request.prefixes)
        put = self._book.put(listed, validate_only=request.validate_only)
        return pb.AddPrefixesResponse(count=await self._finish(put))

    async def RemovePrefixes(self, request: Any, context: Any) -> Any:
        networks = [parse_prefix(t, f"prefixes[{i}]") for i, t in enumerate(request.prefixes)]
        remove = self._book.remove(networks, validate_only=request.validate_only)
        return pb.RemovePrefixesResponse(count=await self._finish(remove))

    async def ListPrefixes(self, request: Any, context: Any) -> Any:
        size = request.page_size or _PAGE
        if size > _GREATEST_PAGE:
            raise InvalidError(
                "page_size", f"{size} is more than {_GREATEST_PAGE}", hint="ask for more pages"
            )
        found, count = await self._book.page(_token(request.page_token), size)
        more = key_of(found[-1].network).hex() if len(found) == size else ""
        return pb.ListPrefixesResponse(
            prefixes=map(_message, found), next_page_token=more, count=count
        )

    async def LoadPrefixes(self, requests: Any, context: Any) -> Any:
        reader, first = None, None
        async for request in requests:
            if reader is None:
                first = request
                reader = Reader(
                    deny=_DENY.get(request.default_action),
                    ttl=_seconds(request, "default_ttl"),
                    limit=self._book.limit,
                )
            await asyncio.to_thread(reader.feed, request.text)
        if reader is None or first is None:
            raise InvalidError("text", "is missing", hint="send at least one message")
        listed = await asyncio.to_thread(reader.done)
        put = self._book.put(listed, only=first.replace, validate_only=first.validate_only)
        return pb.LoadPrefixesResponse(loaded=len(listed.prefixes), count=await self._finish(put))

    async def LookUpAddress(self, request: Any, context: Any) -> Any:
        address = parse_address(request.address, "address")
        found = await self._book.covering(address)
        return pb.LookUpAddressResponse(prefixes=map(_message, found))


def _listed(messages: Any) -> Listed:
    """Raises InvalidError that names the field."""
    entries, ttls, comments = [], [], {}
    for i, message in enumerate(messages):
        network = parse_prefix(message.prefix, f"prefixes[{i}].prefix")
        if message.action not in _DENY:
            raise InvalidError(
                f"prefixes[{i}].action", "is missing", hint="say PREFIX_ACTION_ALLOW or _DENY"
            )
        if len(message.comment) > GREATEST_COMMENT or not message.comment.isprintable():
            raise InvalidError(
                f"prefixes[{i}].comment",
                f"is not one line of at most {GREATEST_COMMENT} characters",
                hint="shorten it",
            )
        entries.append((network, _DENY[message.action]))
        ttls.append(_ttl(message, f"prefixes[{i}]"))
        if message.comment:
            comments[i] = message.comment
    if not entries:
        raise InvalidError("prefixes", "is missing", hint="name at least one")
    return each_once(
        Prefixes.of(entries), np.array(ttls, np.int64), comments, lambda i: f"prefixes[{i}].prefix"
    )


def _ttl(message: Any, path: str) -> int:
    if not message.HasField("expire_time"):
        return _seconds(message, "ttl", f"{path}.")
    if message.HasField("ttl"):
        raise InvalidError(f"{path}.ttl", "stands beside expire_time", hint="give one of them")
    left = message.expire_time.seconds - int(time.time())
    return _checked(left, f"{path}.expire_time")


def _seconds(message: Any, field: str, path: str = "") -> int:
    if not message.HasField(field):
        return 0
    return _checked(getattr(message, field).seconds, f"{path}{field}")


def _checked(seconds: int, path: str) -> int:
    if not 0 < seconds <= GREATEST_TTL:
        raise InvalidError(
            path,
            f"that is in {seconds} seconds, not in 1 to {GREATEST_TTL}",
            hint="leave it out for one that stays",
        )
    return seconds


def _token(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b"?"
    if len(key) not in (0, _KEY):
        raise InvalidError(
            "page_token", f"{text!r} is none", hint="give next_page_token of the page before"
        )
    return key


def _message(stored: Stored) -> Any:
    message = pb.Prefix(
        prefix=str(stored.network),
        action=pb.PREFIX_ACTION_DENY if stored.deny else pb.PREFIX_ACTION_ALLOW,
        comment=stored.comment,
    )
    if stored.expires:
        message.expire_time.FromMilliseconds(stored.expires)
    return message


def served(servicer: PrefixServicer) -> Served:
    """PrefixService."""
    return Served.of(
        pb, "PrefixService", servicer, prefix_pb2_grpc.add_PrefixServiceServicer_to_server
    )
