"""accel.v1.KeyService: the guard's keys, for backends that accept this gateway's SYN cookies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from accel.control.api.served import Served
from accel.control.guard.keys import KeyRing
from accel.control.report.watch import Hub
from accel.errors import UnreachableError
from accel.model.guard_secret import COOKIE, GENERATIONS, derive_key, key_bytes
from accel.v1 import keys_pb2 as pb
from accel.v1 import keys_pb2_grpc

_LOOK_SECONDS = 0.25  # a backend has the next key already: it is in no hurry


class KeyServicer(keys_pb2_grpc.KeyServiceServicer):  # type: ignore[misc]
    """Translates only: the keys are the ring's. It ends when the hub is closed."""

    def __init__(self, ring: KeyRing, hub: Hub) -> None:
        self._ring = ring
        self._hub = hub

    async def WatchGuardKeys(self, request: Any, context: Any) -> AsyncIterator[Any]:
        told = None
        while not self._hub.closed:
            present = self._ring.generation()
            if present != told:
                yield self._keys(present)
                told = present
            await asyncio.sleep(_LOOK_SECONDS)
        raise UnreachableError("the daemon stops", hint="watch again when it is back")

    def _keys(self, generation: int) -> Any:
        response = pb.WatchGuardKeysResponse(generation=generation)
        for near in range(generation - 1, generation + GENERATIONS - 1):
            key = derive_key(self._ring.secret, COOKIE, near)
            response.cookie_keys.add(generation=near, key=key_bytes(key))
        return response


def served(servicer: KeyServicer) -> Served:
    """KeyService."""
    return Served.of(pb, "KeyService", servicer, keys_pb2_grpc.add_KeyServiceServicer_to_server)
