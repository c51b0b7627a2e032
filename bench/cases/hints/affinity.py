"""Affinity against balance: the load bound under clients of whom many share an address.

Packets of the loaded program, by BPF_PROG_TEST_RUN: each connection is a SYN, its ACK and two
packets with payload. A second is over when all connections of one are made; then bounds are
renewed, as the daemon does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel.datapath.hints.maps import _BOUNDED_UNTIL
from accel.ebpf import syscall
from accel.model.hints import Affinity, Hints, HintUse, Learn
from accel.model.service import Protocol
from bench.harness.frames import SERVICE4, packet, segment
from bench.harness.programs import Ours, place
from bench.load.client_mix import Mix, Numbers
from bench.report.results import Result, result

_BACKENDS = 16
_SECONDS, _WARM_UP = 24, 14  # of all; the first ones, in which clients find their places
_SEEDS = range(1, 6)
_LONG = 3600  # seconds
_SYN, _ACK = 0x02, 0x10
_SOURCE, _PORT, _OUTER = 26, 34, 30  # offsets in an IPv4 frame; of the outer header's destination
_FIRST = int.from_bytes(b"\x0a\x00\x00\x01", "big")
_FIRST_PORT = 1024
_UNBOUND = Hints(affinity=Affinity.CLIENT, bound=0, holdout=0)
_BOUND = replace(_UNBOUND, bound=1.5)
_LEARNED = replace(_BOUND, learn=Learn.EXCEPTIONS)


def run() -> Iterator[Result]:
    """By client alone, with the bound, and with what is learned beside it, over the same mixes."""
    traffic = Traffic()
    alone, bound, learned = (
        [measure(traffic, hints, Mix.of(seed)) for seed in _SEEDS]
        for hints in (_UNBOUND, _BOUND, _LEARNED)
    )
    peaks, at_base = [f.peak for f in alone], [f.at_base for f in bound]
    mixes = f"{len(_SEEDS)} mixes of clients, {_BACKENDS} backends"
    yield result(
        "affinity_alone_peak",
        float(np.mean(peaks)),
        "times the mean",
        note=f"by client, no bound: {min(peaks):.2f} to {max(peaks):.2f}; {mixes}",
    )
    yield result(
        "affinity_bound_peak",
        max(f.peak for f in (*bound, *learned)),
        "times the mean",
        most=1.5,
        note="bound 1.5, the worst of all mixes",
    )
    yield result(
        "affinity_at_base",
        float(np.mean(at_base)),
        "of connections",
        least=0.9,
        note=f"bound 1.5: at the base choice of their address; {_range(at_base)}",
    )
    yield _returned("affinity_returned_plain", bound, None, "learn off")
    yield _returned("affinity_returned", learned, 0.9, "learn exceptions")
    yield result(
        "affinity_torn",
        sum(f.torn for f in (*alone, *bound, *learned)),
        "connections",
        most=0,
        note="whose SYN went elsewhere than the rest",
    )


def _returned(name: str, figures: Sequence[Figures], least: float | None, how: str) -> Result:
    values = [f.returned for f in figures]
    return result(
        name,
        float(np.mean(values)),
        "of returns",
        least=least,
        note=f"bound 1.5, {how}: to where the device was last; {_range(values)}",
    )


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} by mix"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one mix: connections of the busiest backend over those of the average one; shares of
    connections at the base choice of their address, and where their device was last, as far as it
    was anywhere; and how many had their SYN elsewhere than the rest."""

    peak: float
    at_base: float
    returned: float
    torn: int


class Traffic:
    """Connections through one gateway."""

    def __init__(self) -> None:
        service = place(SERVICE4, Protocol.TCP, index=1, first=1, backends=_BACKENDS)
        self._services = {1: service}
        self._path = Ours([service]).path
        syn, ack = (bytearray(segment(SERVICE4, flags)) for flags in (_SYN, _ACK))
        said = bytearray(packet(SERVICE4, Protocol.TCP))
        self._frames = [syn, ack, said, said]

    def use(self, hints: Hints) -> None:
        """From now on; nothing is known of what was before."""
        self._path.hint_settings.set({1: HintUse(hints=hints)})
        for name in ("flows", "learned", "loads"):
            self._path._maps.words(name)[:] = 0

    def second(self) -> None:
        """One is over. It takes longer than the kernel's own, so its bounds are made to hold on."""
        self._path.hints.second(self._services)
        row = self._path.hints._rows[1].view(np.uint32)
        if row[_BOUNDED_UNTIL]:
            row[_BOUNDED_UNTIL] += _LONG

    def connect(self, address: int, port: int) -> list[int]:
        """Where each packet of a connection went, from 0 on."""
        return [self._send(frame, address, port) for frame in self._frames]

    def open(self, address: int, port: int) -> int:
        """Where a SYN went."""
        return self._send(self._frames[0], address, port)

    def _send(self, frame: bytearray, address: int, port: int) -> int:
        struct.pack_into("!I", frame, _SOURCE, _FIRST + address)
        struct.pack_into("!H", frame, _PORT, port)
        sent = syscall.prog_test_run(self._path.program, bytes(frame)).packet
        return sent[_OUTER + 3] - 1


def measure(traffic: Traffic, hints: Hints, mix: Mix) -> Figures:
    """Of `_SECONDS` less the first few."""
    traffic.use(_UNBOUND)
    base = [traffic.open(address, _FIRST_PORT) for address in range(mix.addresses[-1] + 1)]
    traffic.use(hints)
    ports = [_FIRST_PORT] * len(base)
    last: Numbers = np.full(len(mix.addresses), -1)
    total = np.zeros(_BACKENDS, np.int64)
    at_base = returned = returns = torn = 0
    for second in range(_SECONDS):
        traffic.second()
        devices = mix.second()
        for device in devices.tolist():
            address = int(mix.addresses[device])
            ports[address] += 1
            went, *rest = traffic.connect(address, ports[address])
            torn += any(other != went for other in rest)
            if second >= _WARM_UP:
                total[went] += 1
                at_base += went == base[address]
                returns += last[device] >= 0
                returned += went == last[device]
            last[device] = went
    return Figures(
        peak=float(total.max() / total.mean()),
        at_base=float(at_base / int(total.sum())),
        returned=float(returned / returns),
        torn=torn,
    )
