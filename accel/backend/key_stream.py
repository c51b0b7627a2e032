"""The guard's keys, followed from a gateway's daemon over gRPC with mutual TLS."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import grpc

from accel.backend.cookie_acceptor import CookieKeys
from accel.client.channel import Certificates, open_channel
from accel.model.guard_secret import GENERATIONS, Key, key_of_bytes
from accel.v1 import keys_pb2 as pb
from accel.v1 import keys_pb2_grpc

_RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class KeyStream:
    """A thread that calls `on_keys` whenever the gateway's keys roll, and connects again and again.

    Raises HostError if the certificates cannot be read.
    """

    def __init__(
        self, target: str, certificates: Certificates, on_keys: Callable[[CookieKeys], None]
    ) -> None:
        self._target = target
        self._on_keys = on_keys
        self._end = threading.Event()
        self._channel = open_channel(target, certificates)
        self._call: Any = None
        self._problem = ""
        self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """The thread does all."""

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        if self._call is not None:
            self._call.cancel()
        self._channel.close()
        self._thread.join()

    def _follow(self) -> None:
        stub = keys_pb2_grpc.KeyServiceStub(self._channel)
        while not self._end.is_set():
            try:
                self._call = stub.WatchGuardKeys(pb.WatchGuardKeysRequest())
                for answer in self._call:
                    keys = keys_of(answer)
                    self._tell("")
                    self._on_keys(keys)
                self._tell("the stream ended")
            except grpc.RpcError as error:
                self._tell(error.details() or error.code().name.lower())
            except ValueError as error:  # a closed channel, or keys that are none
                self._tell(str(error))
            self._end.wait(_RETRY_SECONDS)

    def _tell(self, problem: str) -> None:
        if problem != self._problem and not self._end.is_set():
            if problem:
                _log.warning("no keys from %s, those at hand stay: %s", self._target, problem)
            else:
                _log.info("keys come from %s again", self._target)
        self._problem = problem


def keys_of(answer: Any) -> CookieKeys:
    """The keys of a WatchGuardKeysResponse, by generation modulo 4. Raises ValueError."""
    keys: list[Key] = [(0, 0)] * GENERATIONS
    near = {answer.generation + i for i in range(-1, GENERATIONS - 1)}
    if {each.generation for each in answer.cookie_keys} != near:
        raise ValueError("the gateway sent keys of other generations")
    for each in answer.cookie_keys:
        keys[each.generation % GENERATIONS] = key_of_bytes(each.key)
    return CookieKeys(generation=answer.generation, keys=tuple(keys))
