"""The gateway and its neighbours, and a follower in its namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.support.wire.neighbours import Network, Run, Watched


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def run(network: Network) -> Run:
    """Runs a test's coroutine with a follower in the gateway's namespace."""

    def in_gateway(body: Callable[[Watched], Coroutine[Any, Any, None]]) -> None:
        async def started() -> None:
            watched = Watched()
            await watched.follower.start()
            try:
                await body(watched)
            finally:
                await watched.follower.stop()

        with network.gateway.entered():
            asyncio.run(started())

    return in_gateway
