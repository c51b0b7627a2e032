"""A lab for TLS clients that return, and their visits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from accel.client.hints import PushedClient
from accel.lab import Host, Lab
from accel.lab.clients.visitors import Visit, Visitors, client, failed
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.backend import Backend, Mode
from accel.model.hints import Affinity, Hints, Learn
from accel.model.results.hints import HintKind, HintStats
from tests.support.wire.steering import SERVICE, a_service, its_backends
from tests.support.wire.under_attack import until

# A few clients one after the other are no load: each second a backend may get all of them.
LEARN = Hints(learn=Learn.ALL, holdout=0, floor=1000)
AFFINITY = Hints(affinity=Affinity.CLIENT, holdout=0, floor=1000)
CLIENTS = 24


@dataclass(kw_only=True)
class Place:
    lab: Lab
    daemon: Daemon
    used: int = 0  # clients: each test has some of its own

    def use(self, hints: Hints, *, backends: list[Host] | None = None) -> None:
        """The services at SERVICE, with these hints, at the first four backends or others."""
        services = {v: replace(a_service(v), hints=hints) for v in SERVICE}
        self.daemon.apply(
            list(services.values()),
            [b for s in services.values() for b in self.backends(s.name, s.address, backends)],
        )

    def backends(
        self, service: str, address: Address, hosts: list[Host] | None = None
    ) -> list[Backend]:
        of = replace(a_service(address.version), name=service)
        return its_backends(of, hosts or self.lab.near[:4], Mode.L2DSR)

    def visitors(self, version: int, count: int = CLIENTS) -> Visitors:
        """Clients that nobody has seen yet."""
        numbers = range(self.used + 1, self.used + 1 + count)
        self.used += count
        return self.of(self.lab.client, [client(version, n) for n in numbers], version)

    def of(self, host: Host, clients: list[Address], version: int) -> Visitors:
        return Visitors(
            host, clients, address=SERVICE[version], authority=self.lab.folder / "authority.pem"
        )

    def left(self, service: str, visitors: Visitors) -> float:
        """Seconds that the pushed hint of the first of them still lives."""
        with PushedClient(self.daemon.socket) as asking:
            known, _ = asking.known_hints(service, str(visitors.clients[0]))
        (hint,) = (hint for hint in known if hint.kind is HintKind.PUSHED)
        assert hint.left is not None
        return hint.left

    def stats(self, version: int) -> HintStats:
        (stats,) = self.daemon.client.hint_stats(a_service(version).name)
        return stats


def good(visits: list[Visit]) -> list[Visit]:
    """None of them failed."""
    assert failed(visits) == []
    return visits


def where(visits: list[Visit]) -> dict[Address, str]:
    return {visit.client: visit.backend for visit in good(visits)}


@dataclass(kw_only=True)
class Visiting:
    """They come again and again, in a thread of its own."""

    visitors: Visitors
    visits: list[Visit] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Visiting:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.over.is_set():
            self.visits += self.visitors.come()

    def more(self) -> None:
        """Wait until all of them have come once more."""
        before = len(self.visits)
        until(lambda: len(self.visits) >= before + 2 * CLIENTS, "visits")
