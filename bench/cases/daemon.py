"""The daemon: how soon it is there, how much it takes, how fast what it is told takes effect."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from accel.model.backend import Backend, State
from bench.harness.runner import ROUNDS
from bench.networks import acceld
from bench.networks.acceld import BACKENDS, SERVICES, Daemon, Host
from bench.report.results import Result, result

_GROWTH = (1, 10, 100, 300, SERVICES)
_APPLIES = 3
_CHANGES = 50


def run() -> Iterator[Result]:
    """All in one namespace, with the state that grows in between."""
    with acceld.host() as host:
        yield from _start(host)
        host.forget()
        with host.daemon(*acceld.OPTIONS) as daemon:
            yield from _grow(daemon)
            yield from _memory(daemon)
            yield from _changes(daemon)
            yield result(
                "daemon_resident_full",
                daemon.resident,
                "MB",
                most=150,
                note=f"{SERVICES} services x {BACKENDS} backends",
            )
        with host.daemon(*acceld.OPTIONS) as daemon:
            yield result(
                "daemon_ready_full",
                daemon.ready,
                "s",
                note=f"a restart over {SERVICES} services x {BACKENDS} backends",
            )


def _start(host: Host) -> Iterator[Result]:
    first, again, resident = [], [], []
    for _ in range(ROUNDS):
        host.forget()
        with host.daemon() as daemon:
            first.append(daemon.ready)
        with host.daemon() as daemon:
            again.append(daemon.ready)
            resident.append(daemon.resident)
    for name, took, what in (
        ("daemon_ready", first, "the first start, which compiles"),
        ("daemon_ready_again", again, "a later start"),
    ):
        note = f"{what}; middle {np.median(took):.2f} s, slowest {max(took):.2f} s"
        yield result(name, min(took), "s", most=1, rounds=ROUNDS, note=note)
    yield result("daemon_resident", max(resident), "MB", most=150, rounds=ROUNDS, note="no service")


def _grow(daemon: Daemon) -> Iterator[Result]:
    """Apply a whole state, each time on top of none."""
    for count in _GROWTH:
        services = acceld.services(count)
        backends = acceld.backends(BACKENDS, services)
        took = []
        for _ in range(_APPLIES):
            daemon.client.apply([], [], prune=True)
            start = time.monotonic()
            daemon.client.apply(services, backends, prune=True)
            took.append(time.monotonic() - start)
        yield result(
            f"apply_{count}_services",
            min(took),
            "s",
            most=10 if count == SERVICES else None,
            rounds=_APPLIES,
            note=f"x {BACKENDS} backends, rings of 65537, one Apply call",
        )


def _memory(daemon: Daemon) -> Iterator[Result]:
    used = daemon.maps().memory()
    largest = sorted(used, key=lambda name: -used[name])[:4]
    yield result(
        "map_memory",
        sum(used.values()),
        "MB",
        most=200,
        note=", ".join(f"{name} {used[name]:.0f}" for name in largest),
    )
    yield result("flow_cache_memory", used["flows"], "MB", most=32, note="for 1,048,576 flows")


def _changes(daemon: Daemon) -> Iterator[Result]:
    """From the call to the moment when the backend's entry and its service's ring are changed."""
    maps = daemon.maps()
    states, rings = maps.states(), maps.rings()
    states_before, rings_before = states.copy(), rings.copy()
    [backend] = acceld.backends(1, acceld.services(1))
    _set(daemon, backend, State.DRAIN)
    [number] = np.flatnonzero(states != states_before)
    [entry] = np.flatnonzero(rings != rings_before)
    took = []
    for i in range(_CHANGES):
        state, ring = int(states[number]), int(rings[entry])
        start = time.monotonic()
        _set(daemon, backend, State.DRAIN if i % 2 else State.UP)
        while states[number] == state or rings[entry] == ring:
            pass
        took.append(1000 * (time.monotonic() - start))
    yield result(
        "change_visible",
        float(np.median(took)),
        "ms",
        most=20,
        rounds=_CHANGES,
        note=f"a backend of {SERVICES} x {BACKENDS} drained or up again; worst {max(took):.1f} ms",
    )


def _set(daemon: Daemon, backend: Backend, state: State) -> None:
    daemon.client.update_backend(backend.service, backend.name, state=state)
