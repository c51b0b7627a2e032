"""TLS clients that return, to four backends that cannot read each other's tickets.

Real TLS 1.3 in namespaces: by the ring of whole connections, and with hints that are learned, in
turn. Once with each kind of certificates, since what a ticket spares is mostly the signature.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from accel.lab import Lab, Topology
from accel.lab.clients.visitors import Visit, Visitors, client, crowd, failed, resumed
from accel.lab.daemon import Daemon
from accel.lab.delay import Delay
from accel.lab.servers import nginx
from accel.lab.servers.certificates import KeyKind
from accel.model.backend import Backend, Mode
from accel.model.hints import UNHINTED, Hints, Learn
from accel.model.service import Protocol, Service
from bench.harness.runner import ROUNDS
from bench.report.results import Result, result

_BACKENDS = 4
_CLIENTS = 50
_KINDS = {
    "rsa3072": KeyKind.RSA3072,  # the least that BSI TR-02102 and CNSA 1.0 take of RSA
    "rsa2048": KeyKind.RSA2048,
    "ecdsa": KeyKind.ECDSA,
}
_BARRED = "rsa3072"
_FAR_SECONDS, _FAR_ROUNDS, _FAR_CLIENTS = 0.02, 4, 25
_HINTS = {"5tuple": UNHINTED, "learned": Hints(learn=Learn.ALL, holdout=0)}


@dataclass(kw_only=True)
class Side:
    """The clients of one service, and what became of their connections, round by round."""

    visitors: Visitors
    rounds: list[list[Visit]] = field(default_factory=list)

    @property
    def visits(self) -> list[Visit]:
        """Of all rounds."""
        return [visit for each in self.rounds for visit in each]

    @property
    def milliseconds(self) -> float:
        """From the first SYN to the first byte: the mean of the least disturbed round."""
        means = (statistics.mean(v.seconds for v in each if not v.error) for each in self.rounds)
        return 1000 * min(means)


def run() -> Iterator[Result]:
    """A first visit of all clients, which is not counted, and one more; then rounds in turn."""
    with Lab(Topology(near=_BACKENDS, far=0)) as lab, Daemon(lab) as daemon:
        crowd(lab, lab.client)
        sides = {
            (kind, how): side
            for number, kind in enumerate(_KINDS)
            for how, side in _sides(lab, daemon, kind, 2 * number + 1).items()
        }
        for turn in range(ROUNDS + 2):
            for side in sides.values():
                visits = side.visitors.come()
                if turn >= 2:
                    side.rounds.append(visits)
        far = {how: Side(visitors=sides[_BARRED, how].visitors) for how in _HINTS}
        with Delay(lab.client, _FAR_SECONDS):
            for _ in range(_FAR_ROUNDS):
                for side in far.values():
                    side.rounds.append(side.visitors.come(side.visitors.clients[:_FAR_CLIENTS]))
        for kind in _KINDS:
            yield from _figures(kind, sides[kind, "5tuple"], sides[kind, "learned"])
        yield _of_far(far["5tuple"], far["learned"])


def _sides(lab: Lab, daemon: Daemon, kind: str, first: int) -> dict[str, Side]:
    """Services at two addresses, of the same backends; one of them with hints."""
    folder = lab.folder / kind
    folder.mkdir()
    addresses = {how: ip_address(f"198.51.100.{first + i}") for i, how in enumerate(_HINTS)}
    for host in lab.backends:
        for address in addresses.values():
            host.own(address)
    nginx.start(folder, lab.backends, list(addresses.values()), keys=_KINDS[kind])
    services = [
        Service(
            name=f"{kind}-{how}",
            address=address,
            port=443,
            protocol=Protocol.TCP,
            hints=_HINTS[how],
        )
        for how, address in addresses.items()
    ]
    backends = [
        Backend(service=service.name, name=host.name, address=host.ipv4, mode=Mode.L2DSR)
        for service in services
        for host in lab.backends
    ]
    daemon.apply(services, backends, prune=False)
    clients = [client(4, number) for number in range(1, _CLIENTS + 1)]
    authority = folder / "authority.pem"
    return {
        how: Side(
            visitors=Visitors(lab.client, clients, address=address, authority=authority),
        )
        for how, address in addresses.items()
    }


def _figures(kind: str, plain: Side, learned: Side) -> Iterator[Result]:
    count = len(learned.visits)
    yield result(
        f"tls_{kind}_resumed_5tuple",
        resumed(plain.visits),
        "of returns",
        rounds=ROUNDS,
        note=f"{_BACKENDS} backends with separate ticket keys, no hints",
    )
    yield result(
        f"tls_{kind}_resumed",
        resumed(learned.visits),
        "of returns",
        least=1,
        rounds=ROUNDS,
        note=f"learned hints: {count} returns of {_CLIENTS} clients",
    )
    yield result(
        f"tls_{kind}_failed",
        len(failed(learned.visits)) + len(failed(plain.visits)),
        "connections",
        most=0,
        rounds=ROUNDS,
        note=f"of {count} with hints and {len(plain.visits)} without",
    )
    yield result(
        f"tls_{kind}_first_byte",
        learned.milliseconds / plain.milliseconds,
        "of the 5-tuple's",
        most=0.6 if kind == _BARRED else None,
        rounds=ROUNDS,
        note=f"connect and first byte: {learned.milliseconds:.2f} of {plain.milliseconds:.2f} ms,"
        " no round-trip time",
    )


def _of_far(plain: Side, learned: Side) -> Result:
    errors = failed(learned.visits + plain.visits)
    return result(
        f"tls_{_BARRED}_first_byte_20ms",
        learned.milliseconds / plain.milliseconds,
        "of the 5-tuple's",
        rounds=_FAR_ROUNDS,
        note=f"with 20 ms of round-trip time: {learned.milliseconds:.2f} of"
        f" {plain.milliseconds:.2f} ms; {resumed(learned.visits):.0%} and"
        f" {resumed(plain.visits):.0%} resumed, {len(errors)} failed",
    )
