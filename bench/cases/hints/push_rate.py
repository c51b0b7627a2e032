"""Pushed hints: how many a second reach the maps over one stream, and what a million take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from accel.client.channel import open_channel
from accel.v1 import hint_pb2 as pb
from accel.v1 import hint_pb2_grpc
from bench.networks import acceld
from bench.networks.acceld import Daemon
from bench.report.results import Result, result

MILLION = 1 << 20
_SIZES = (1_000, 10_000, 100_000)
_LIMIT = ("--max-hints", str(MILLION))
_MANY = 10_000  # in a batch: from here on the bar is to hold
_BAR, _MAP_BAR = 300_000, 160
_FIRST = 0x0A000000
_BACKENDS = 100


def run() -> Iterator[Result]:
    """Each batch size on top of no hints; then memory, with the last million in the maps."""
    with acceld.host() as host, TemporaryDirectory() as cache:
        options = (*_LIMIT, "--cache", cache)
        for size in _SIZES:
            took, again = [], []
            for last in (False, False, True):
                host.forget()
                with host.daemon(*options) as daemon:
                    [service] = acceld.services(1)
                    daemon.client.apply(
                        [service], acceld.backends(_BACKENDS, [service]), prune=True
                    )
                    with open_channel(host.folder / "accel.sock") as channel:
                        # The first one waits for the programs of hints.
                        _push(channel, 1, 1)
                        resident = daemon.resident
                        took.append(_push(channel, size))
                        again.append(_push(channel, size))
                    if last and size == max(_SIZES):
                        yield from _memory(daemon, resident)
            yield result(
                f"hints_pushed_{size}",
                MILLION / min(took),
                "hints/s",
                least=_BAR if size >= _MANY else None,
                rounds=len(took),
                note=f"a million in batches of {size:,} over one stream, stored and in the map; "
                f"slowest {MILLION / max(took):,.0f}, set anew {MILLION / min(again):,.0f}",
            )
        with host.daemon(*options) as daemon:
            yield result("hints_restart", daemon.ready, "s", note="a start over a million hints")


def _push(channel: Any, size: int, hints: int = MILLION) -> float:
    """Seconds for a million."""
    stub = hint_pb2_grpc.HintServiceStub(channel)
    start = time.monotonic()
    done = 0
    for answer in stub.ApplyHints(_requests(size, hints)):
        if answer.failed:
            raise RuntimeError(f"{answer.failed} hints failed: {answer.errors[0]}")
        done += answer.set
    took = time.monotonic() - start
    if done != hints:
        raise RuntimeError(f"{done} of {hints} hints were set")
    return took


def _requests(size: int, hints: int) -> Iterator[Any]:
    for version, first in enumerate(range(0, hints, size), 1):
        count = min(size, hints - first)
        clients = np.arange(_FIRST + first, _FIRST + first + count, dtype=np.uint32)
        batch = pb.HintBatch(
            service="s0", backend=f"b{version % _BACKENDS}", ipv4=clients.astype(">u4").tobytes()
        )
        yield pb.ApplyHintsRequest(version=version, batches=[batch])


def _memory(daemon: Daemon, resident: float) -> Iterator[Result]:
    used = daemon.maps().memory()
    names = ("pushed", "learned", "prefix_hints", "hints")
    yield result(
        "hints_map_memory",
        sum(used[name] for name in names),
        "MB",
        most=_MAP_BAR,
        note="a million hints: " + ", ".join(f"{name} {used[name]:.0f}" for name in names),
    )
    yield result(
        "hints_resident",
        daemon.resident,
        "MB",
        note=f"the daemon with a million hints, {used['pushed']:.0f} of it the map; "
        f"{resident:.0f} before",
    )
