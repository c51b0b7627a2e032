"""The demo's hints: TLS clients that return, to backends of which none can read another's tickets.

A ticket spares a client most of a handshake, but only at the backend that gave it. Without hints
each new connection goes anywhere; with hints it goes where the client's last one went.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from accel.lab.clients.visitors import Visit, Visitors, client, crowd, failed, resumed
from accel.lab.daemon import Daemon
from accel.lab.demo.screen import Screen
from accel.lab.hosts import Host
from accel.lab.network import Lab
from accel.lab.servers import nginx
from accel.lab.servers.certificates import KeyKind
from accel.model.backend import Backend, Mode
from accel.model.hints import Hints, Learn
from accel.model.service import Protocol, Service
from accel.terminal import Table

NAME, ADDRESS = "tickets-v4", ip_address("198.51.100.9")
HINTS = Hints(learn=Learn.ALL, holdout=0)
_CLIENTS = 60
_RETURNS = 4  # of each client in the two phases that are compared
_HEADER = ("phase", "connections", "failed", "resumed", "connect", "handshake", "answer", "in all")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """What came of the connections of one phase."""

    name: str
    visits: list[Visit]

    def row(self) -> tuple[object, ...]:
        """Of the table; times in ms, of an average connection."""
        good = [visit for visit in self.visits if not visit.error]
        times = [
            f"{1000 * sum(getattr(visit, name) for visit in good) / max(1, len(good)):.2f} ms"
            for name in ("connect", "handshake", "answer", "seconds")
        ]
        return (self.name, len(self.visits), len(failed(self.visits)), self.share, *times)

    @property
    def share(self) -> str:
        """Of the connections that resumed a session."""
        return f"{resumed(self.visits):.0%}"


class Returning:
    """A service with backends at `hosts`, and its clients."""

    def __init__(self, *, lab: Lab, screen: Screen, daemon: Daemon, hosts: list[Host]) -> None:
        self.problems: list[str] = []
        self._lab, self._screen, self._daemon, self._hosts = lab, screen, daemon, hosts
        self._stays: list[Stay] = []

    def run(self) -> None:
        """All of it; what should not have been is in `problems`."""
        say = self._screen.say
        say(
            f"Act 4: {_CLIENTS} TLS 1.3 clients return again and again to {NAME}."
            f" {_names(self._hosts)} have a key each for their tickets (certificates: RSA 3072)."
        )
        self._serve()
        addresses = [client(4, number) for number in range(1, _CLIENTS + 1)]
        self._visitors = Visitors(
            self._lab.client,
            addresses,
            address=ADDRESS,
            authority=self._lab.folder / NAME / "authority.pem",
        )
        self._come("first visit", 1)
        before = self._come("hints off", _RETURNS)
        say(
            f"Hints off: {before.share} of the returns resume their session:"
            f" one of {len(self._hosts)} backends is the right one."
        )
        self._daemon.client.update_service(NAME, hints=HINTS)
        say(f"Hints on, while it runs: accel hint set {NAME} --learn all --holdout 0")
        self._come("hints on, first time", 1)
        after = self._come("hints on", _RETURNS)
        say(
            f"Hints on: {after.share} of the returns resume their session. The gateway has learned"
            " from the first one where each client was."
        )
        say(f"What decided where they went: accel hint stats {NAME} says:")
        (stats,) = self._daemon.client.hint_stats(NAME)
        for count in stats.outcomes:
            if count.flows:
                self._screen.write(f"           {count.flows:4} {count.outcome}: {count.meaning}")
        if resumed(after.visits) <= resumed(before.visits):
            self.problems.append("hints brought nothing")

    def table(self) -> str:
        """A line for each phase."""
        return Table(header=_HEADER, rows=[stay.row() for stay in self._stays]).text()

    def _serve(self) -> None:
        folder = self._lab.folder / NAME
        folder.mkdir()
        for host in self._hosts:
            host.own(ADDRESS)
        nginx.start(folder, self._hosts, [ADDRESS], keys=KeyKind.RSA3072)
        crowd(self._lab, self._lab.client)
        service = Service(name=NAME, address=ADDRESS, port=443, protocol=Protocol.TCP)
        backends = [
            Backend(
                service=NAME,
                name=host.name,
                address=host.ipv4,
                mode=Mode.L2DSR if host in self._lab.near else Mode.IPIP,
            )
            for host in self._hosts
        ]
        self._daemon.apply([service], backends, prune=False)

    def _come(self, name: str, times: int) -> Stay:
        visits = [visit for _ in range(times) for visit in self._visitors.come()]
        self.problems += failed(visits)
        self._stays.append(Stay(name=name, visits=visits))
        return self._stays[-1]


def _names(hosts: list[Host]) -> str:
    names = [host.name for host in hosts]
    return f"{', '.join(names[:-1])} and {names[-1]}"
