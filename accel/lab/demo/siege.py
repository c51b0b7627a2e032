"""The demo's flood: what clients and backends notice of it without the guard, and with it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from accel.errors import HostError
from accel.lab.clients.flood import Flood, Kind, at_gateway
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Traffic
from accel.lab.daemon import Daemon
from accel.lab.demo.scene import Shown
from accel.lab.demo.screen import Screen
from accel.lab.hosts import Host
from accel.lab.network import Lab
from accel.model.guard import Guard, Policy
from accel.terminal import Table
from accel.verdicts import Verdict

RATE = 100_000  # segments per second: SYN, ACK, RST and FIN alike
SOURCES = (ipaddress.ip_network("198.18.0.0/15"),)
_PHASE_SECONDS = 3.0
_BEGUN = 0.5  # seconds after which the flood is at its height
_PATIENCE = 10.0  # seconds in which the guard must be on, and clients served again
_TIMEOUT = 1.0  # seconds, of a request
_PARALLEL = 8
_KEPT = 8  # connections that stay open all the time
_HEADER = ("phase", "flood", "answered", "dropped", "backends", "requests", "failed")


def weaken(hosts: list[Host]) -> None:
    """Backends that a flood of SYNs does harm to, to be called before anything listens there.

    They are as Linux is without SYN cookies: once 128 connections are half open, no more begin.
    """
    for host in hosts:
        host.namespace.sysctl(
            ipv4__tcp_syncookies=0, core__somaxconn=128, ipv4__tcp_max_syn_backlog=1024
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What has been counted so far."""

    at: float
    sent: int
    answered: int
    dropped: int
    reached: int


@dataclass(kw_only=True, slots=True)
class Phase:
    """What became of requests, and of packets, from `before` to `after`."""

    name: str
    before: Counts
    after: Counts
    requests: int = 0
    failed: int = 0

    def row(self) -> tuple[object, ...]:
        """Of the table."""
        seconds = self.after.at - self.before.at
        rates = (
            round((getattr(self.after, name) - getattr(self.before, name)) / seconds)
            for name in ("sent", "answered", "dropped", "reached")
        )
        return (self.name, *rates, self.requests, self.failed)


class Siege:
    """A flood of SYNs at one service of the demo. `backends` are those of it that still live."""

    def __init__(
        self, *, lab: Lab, screen: Screen, daemon: Daemon, shown: Shown, backends: list[Host]
    ) -> None:
        self.problems: list[str] = []
        self._lab, self._screen, self._daemon, self._shown = lab, screen, daemon, shown
        self._backends = backends
        self._phases: list[Phase] = []
        self._flood: Flood

    def run(self) -> None:
        """All of it; what should not have been is in `problems`."""
        say, service = self._screen.say, self._shown.service.name
        try:
            self._flood = at_gateway(
                self._lab,
                sources=SOURCES,
                to=self._shown.address,
                kind=Kind.MIXED,
                rate=RATE,
                seconds=10 * _PATIENCE,
            )
        except HostError as error:
            say(f"No act 5, the flood: {error.message}.")
            return
        say(f"Act 5: a flood, {RATE:,} segments a second to {service} from drawn addresses.")
        say(
            "Its backends are weak on purpose (tcp_syncookies=0, somaxconn=128):"
            " 128 half-open connections are all that they hold."
        )
        # A daemon compiles the guard while it steers already: this waits until that is done.
        self._set(Policy.MONITOR)
        self._set(Policy.OFF)
        with KeptFlows(host=self._lab.client, address=self._shown.address, count=_KEPT) as kept:
            with self._phase("no flood"):
                self._wait(_PHASE_SECONDS / 2)
            with self._flood:
                time.sleep(_BEGUN)
                self._guard()
            with self._phase("flood over") as after:
                self._wait(_PHASE_SECONDS / 2)
            self._screen.draw(self._lines(), summary="the flood is over", now=True)
            say(f"{len(kept.errors())} of {_KEPT} connections broke that were open all the time.")
        self.problems += kept.errors()
        self._expect_all(after)

    def _guard(self) -> None:
        say, service = self._screen.say, self._shown.service.name
        with self._phase("flood, guard off") as unguarded:
            self._wait(_PHASE_SECONDS)
        say(f"Without the guard {unguarded.failed} of {unguarded.requests} requests failed.")
        self._set(Policy.AUTO)
        say(f"The guard of {service} is set to auto: it is to find out by itself.")
        with self._phase("flood, guard turns on"):
            self._switch_on()
        with self._phase("flood, guard on") as guarded:
            self._wait(_PHASE_SECONDS)
        say(f"With the guard {guarded.failed} of {guarded.requests} requests failed.")
        self._expect_all(guarded)

    def _set(self, policy: Policy) -> None:
        guard = Guard(policy=policy, hold=1)
        self._daemon.client.update_service(self._shown.service.name, guard=guard)

    def _expect_all(self, phase: Phase) -> None:
        if phase.failed:
            self.problems.append(f"{phase.name}: {phase.failed} requests failed")

    def table(self) -> str:
        """Of each phase: packets per second, and requests. The backends' are all that they got."""
        return Table(header=_HEADER, rows=[phase.row() for phase in self._phases]).text()

    def _switch_on(self) -> None:
        began, answered = time.monotonic(), self._count().answered
        if not self._until(lambda: self._count().answered > answered):
            self.problems.append("the guard did not switch on")
            return
        seconds = time.monotonic() - began
        self._screen.say(f"{seconds:.1f} s later it answers SYNs in the backends' place.")
        if not self._until(self._served):
            self.problems.append("clients were not served again")
            return
        seconds = time.monotonic() - began
        self._screen.say(
            f"{seconds:.1f} s after that setting clients are served again:"
            " what was half open at the backends has timed out."
        )

    def _served(self) -> bool:
        """Whether all of a handful of requests are answered, as backends forget the flood."""
        traffic = self._traffic()
        return not traffic.stop().errors

    def _traffic(self) -> Traffic:
        urls = [self._shown.url("http")] * _PARALLEL
        return Traffic(self._lab.client, urls, parallel=_PARALLEL, timeout=_TIMEOUT)

    @contextmanager
    def _phase(self, name: str) -> Iterator[Phase]:
        """Requests are made all the time meanwhile."""
        now = self._count()
        phase = Phase(name=name, before=now, after=now)
        self._phases.append(phase)
        traffic = self._traffic()
        try:
            yield phase
        finally:
            tally = traffic.stop()
            phase.after = self._count()
            phase.requests, phase.failed = tally.requests, len(tally.errors)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end)

    def _until(self, seen: Callable[[], bool]) -> bool:
        """Draw until it is seen; whether it was, in time."""
        end = time.monotonic() + _PATIENCE
        while not (found := seen()) and time.monotonic() < end:
            time.sleep(0.05)
            self._phases[-1].after = self._count()
            self._screen.draw(self._lines(), summary=self._phases[-1].name)
        return found

    def _lines(self) -> list[str]:
        return [f"  {line}" for line in self.table().splitlines()]

    def _count(self) -> Counts:
        (stats,) = self._daemon.client.stats(self._shown.service.name).services
        packets = {count.verdict: count.packets for count in stats.counts}
        dropped = (v.label for v in Verdict if v.action == "DROP" and v is not Verdict["PROVEN"])
        return Counts(
            at=time.monotonic(),
            sent=self._flood.sent,
            answered=packets.get("challenged", 0),
            dropped=sum(packets.get(label, 0) for label in dropped),
            reached=sum(host.received for host in self._backends),
        )
