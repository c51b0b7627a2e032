"""The client's calls of accel.v1.PrefixService."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accel.client.client import Client
from accel.model.address import Address
from accel.model.prefix import Network
from accel.v1 import prefix_pb2 as pb
from accel.v1 import prefix_pb2_grpc

_PAGE = 10_000
_ACTIONS = {
    None: pb.PREFIX_ACTION_UNSPECIFIED,
    False: pb.PREFIX_ACTION_ALLOW,
    True: pb.PREFIX_ACTION_DENY,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPrefix:
    """An allowed or denied prefix as the daemon has it."""

    prefix: str
    deny: bool
    expires: datetime | None
    comment: str


class PrefixClient(Client):
    """As Client; times to live are in seconds, 0 for ever."""

    def __init__(self, socket: Path, *, seconds: float = 60.0) -> None:
        super().__init__(socket, seconds=seconds)
        self._prefixes = prefix_pb2_grpc.PrefixServiceStub(self._channel)

    def add_prefixes(
        self,
        networks: Iterable[Network],
        *,
        deny: bool,
        ttl: int = 0,
        comment: str = "",
        validate_only: bool = False,
    ) -> int:
        """How many there are then."""
        request = pb.AddPrefixesRequest(validate_only=validate_only)
        for network in networks:
            message = request.prefixes.add(
                prefix=str(network), action=_ACTIONS[deny], comment=comment
            )
            if ttl:
                message.ttl.seconds = ttl
        return int(self._call(self._prefixes.AddPrefixes, request).count)

    def remove_prefixes(self, networks: Iterable[Network], *, validate_only: bool = False) -> int:
        """How many are left."""
        request = pb.RemovePrefixesRequest(prefixes=map(str, networks), validate_only=validate_only)
        return int(self._call(self._prefixes.RemovePrefixes, request).count)

    def load_prefixes(
        self,
        pieces: Iterable[bytes],
        *,
        deny: bool | None = None,
        ttl: int = 0,
        replace: bool = False,
        validate_only: bool = False,
    ) -> tuple[int, int]:
        """A text, in pieces. How many it has, and how many there are then."""

        def requests() -> Iterator[Any]:
            first = pb.LoadPrefixesRequest(
                default_action=_ACTIONS[deny], replace=replace, validate_only=validate_only
            )
            if ttl:
                first.default_ttl.seconds = ttl
            yield first
            for piece in pieces:
                yield pb.LoadPrefixesRequest(text=piece)

        answer = self._call(self._prefixes.LoadPrefixes, requests())
        return answer.loaded, answer.count

    def prefixes(self) -> Iterator[KnownPrefix]:
        """All of them, in order."""
        token = ""
        while True:
            request = pb.ListPrefixesRequest(page_size=_PAGE, page_token=token)
            answer = self._call(self._prefixes.ListPrefixes, request)
            yield from map(_known, answer.prefixes)
            token = answer.next_page_token
            if not token:
                return

    def prefixes_of(self, address: Address) -> list[KnownPrefix]:
        """Those that have `address`; the first one decides."""
        request = pb.LookUpAddressRequest(address=str(address))
        return list(map(_known, self._call(self._prefixes.LookUpAddress, request).prefixes))


def _known(message: pb.Prefix) -> KnownPrefix:
    return KnownPrefix(
        prefix=message.prefix,
        deny=message.action == pb.PREFIX_ACTION_DENY,
        expires=message.expire_time.ToDatetime(UTC) if message.HasField("expire_time") else None,
        comment=message.comment,
    )
