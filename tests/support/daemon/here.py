"""A gateway on a real unix socket, with a data path and a follower in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from accel.control.api import server
from accel.control.guard.part import GuardPart
from accel.control.hints.part import HintsPart
from accel.control.hints.pushed.put_plan import Quotas
from accel.control.state.state import State
from accel.control.store.database import Store
from accel.control.wiring import PARTS, Maker, Settings, wire
from accel.model.address import Address
from accel.model.placement import Limits
from accel.v1 import gateway_pb2_grpc
from tests.support.daemon.acceld import channel_to
from tests.support.daemon.fake_follower import FakeFollower
from tests.support.daemon.fakes import FakeDataPath

Call = Callable[[Any], Any]  # of a stub


class Here:
    """A gateway served by a thread of the test's own process, so that one can look inside."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        quotas: Quotas | None = None,
        *,
        parts: Sequence[Maker] = PARTS,
    ) -> None:
        self.folder = folder
        self.data_path = FakeDataPath(None, limits)
        self.now = 1000.0
        self.wall = 1_700_000_000.0
        self.store = Store(folder / "state.db")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.socket = folder / "accel.sock"
        self._quotas = quotas or Quotas()
        self._parts = parts
        self.run(self._start)
        self.channel = channel_to(self.socket)
        self.stub = gateway_pb2_grpc.GatewayServiceStub(self.channel)

    def run(self, act: Callable[[], Any]) -> Any:
        """Call `act` in the event loop, and await what it returns if need be."""

        async def call() -> Any:
            result = act()
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(timeout=20)

    async def _start(self) -> None:
        def make_follower(changed: Callable[[set[Address]], None]) -> FakeFollower:
            self.follower = FakeFollower(changed)
            return self.follower

        self.gateway, serves = wire(
            store=self.store,
            data_path=self.data_path,
            make_follower=make_follower,
            settings=Settings(clock=lambda: self.now, wall=lambda: self.wall, quotas=self._quotas),
            parts=self._parts,
        )
        self.writer = self.gateway.writer
        self.hops = self.writer.hops
        self.guard = self.gateway.part(GuardPart)
        self.hints = self.gateway.part(HintsPart)
        await self.gateway.start()
        self._server = await server.start(serves, self.socket)
        self.gateway.serving()

    async def _stop(self) -> None:
        self.gateway.closing()
        await self._server.stop(1)
        await self.gateway.stop()

    def restart(self, *, keep_maps: bool, seconds: int = 0) -> None:
        """Another daemon on the same file some time later, with the maps of before or new ones."""
        self.run(self._stop)
        self.store.close()
        maps, self.data_path = self.data_path.hints, FakeDataPath(None, self.data_path.limits)
        if keep_maps:
            self.data_path.hints = maps
            maps.now += seconds
        self.wall += seconds
        self.store = Store(self.folder / "state.db")
        self.run(self._start)
        grpc.channel_ready_future(self.channel).result(timeout=20)

    def close(self) -> None:
        self.channel.close()
        self.run(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.store.close()

    @property
    def state(self) -> State:
        return self.writer.state

    @property
    def revision(self) -> int:
        return self.state.revision


def details_of(error: grpc.RpcError) -> dict[str, Any]:
    """The details of a status by the name of their type."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    found: dict[str, Any] = {}
    for packed in status.details:
        kind = getattr(error_details_pb2, packed.TypeName().rsplit(".", 1)[1])
        found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return found


def refused(call: Call, here: Here) -> tuple[grpc.RpcError, dict[str, Any]]:
    """The error that a call of the stub ends with, and its details."""
    with pytest.raises(grpc.RpcError) as caught:
        call(here.stub)
    return caught.value, details_of(caught.value)
