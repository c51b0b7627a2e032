"""What is compared: our gateway and the yardstick, each with the same services and backends."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

from accel.datapath.datapath import DataPath
from accel.datapath.layout import defines, possible_cpus
from accel.datapath.maps import _FLOW_KEYS
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf
from accel.model.address import Address
from accel.model.backend import Backend
from accel.model.placement import Limits, NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service
from accel.verdicts import Verdict
from bench.harness.frames import PORT, SERVICE4, SERVICE6
from bench.harness.runner import BPF

_HOP_MAC, _OWN_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
_LOOPBACK = 1  # what test runs come in by: to leave by it is XDP_TX
BACKENDS = 100
_TALLY = struct.Struct("=QQ")


def place(
    address: Address,
    protocol: Protocol,
    *,
    index: int,
    first: int,
    backends: int = BACKENDS,
    port: int = PORT,
    ring_size: int = 65537,
    ifindex: int = _LOOPBACK,
) -> PlacedService:
    """A service with so many backends of its address's version, numbered from `first` on."""
    name = f"s{index}"
    base = int(ip_address("10.200.0.0" if address.version == 4 else "2001:db8:b::"))
    source = ip_address("10.255.0.1" if address.version == 4 else "2001:db8::1")
    hop = NextHop(
        ifindex=ifindex,
        interface="",
        mac=_HOP_MAC,
        source_mac=_OWN_MAC,
        mtu=1500,
        source=source,
    )
    return PlacedService(
        service=Service(
            name=name, address=address, port=port, protocol=protocol, ring_size=ring_size
        ),
        index=index,
        backends=tuple(
            PlacedBackend(
                backend=Backend(
                    service=name, name=f"b{i}", address=type(address)(base + first + i)
                ),
                number=first + i,
                generation=0,
                next_hop=hop,
            )
            for i in range(backends)
        ),
    )


THREE = (
    place(SERVICE4, Protocol.TCP, index=1, first=1),
    place(SERVICE4, Protocol.UDP, index=2, first=1 + BACKENDS),
    place(SERVICE6, Protocol.TCP, index=3, first=1 + 2 * BACKENDS),
)


class Ours:
    """A data path with `services`, nothing pinned."""

    def __init__(
        self, services: Sequence[PlacedService] = THREE, limits: Limits | None = None
    ) -> None:
        self.path = DataPath.open(None, limits or Limits())
        self.path.steering.sync(services)
        # One by one, backend_counts would take longer than the packets.
        self._cells = self.path.counters.backends

    @property
    def program(self) -> int:
        """Its file descriptor."""
        return self.path.program

    def close(self) -> None:
        """Unload it."""
        self.path.close()

    def seen(self, verdict: Verdict) -> int:
        """How many packets ended in `verdict` so far."""
        if not verdict.forward:
            return int(self.path.counters.services[:, :, verdict, 0].sum())
        return int(self._cells[:, :, verdict - 1, 0].sum())

    def load(self) -> int:
        """The program once more, over the same maps; its file descriptor."""
        return self.path._maps.compiled.load("gateway", maps=self.path._maps.fds)

    def unguarded(self) -> int:
        """The same program without the guard's steps, over the same maps; its file descriptor."""
        maps = self.path._maps
        keys = zip(_FLOW_KEYS, maps.words("settings")[1:], strict=True)
        compiled = compile_bpf(
            BPF / "unguarded.bpf.c",
            prelude="".join(f"#define {name} {int(key):#x}ULL\n" for name, key in keys),
            defines=defines(self.path.limits),
        )
        return compiled.load("unguarded", maps=maps.fds)


class Yardstick:
    """bench/bpf/yardstick.bpf.c with the same three services."""

    def __init__(self, services: Sequence[PlacedService] = THREE, flows: int = 1 << 20) -> None:
        self._compiled = compile_bpf(
            BPF / "yardstick.bpf.c",
            defines={"MAX_SERVICES": 1024, "MAX_BACKENDS": 16384, "MAX_FLOWS": flows},
        )
        self.program = self._compiled.load("yardstick")
        for placed in services:
            s = placed.service
            self._set(
                "services",
                _words(s.address) + struct.pack("!HBx", s.port, s.protocol),
                struct.pack("=3I", placed.index, placed.backends[0].number, len(placed.backends)),
            )
            for b in placed.backends:
                address = b.backend.address
                value = _words(address) + struct.pack("=I", address.version)
                self._set("targets", struct.pack("=I", b.number), value)
        self._set("gateway_macs", bytes(4), _HOP_MAC + bytes(2))
        for which, source in enumerate(("10.255.0.1", "2001:db8::1")):
            self._set("outer_sources", struct.pack("=I", which), _words(ip_address(source)))

    def seen(self, *, known: bool) -> int:
        """How many packets were of a known flow, or of a new one."""
        key, size = struct.pack("=I", 1 if known else 2), _TALLY.size * possible_cpus()
        cells = syscall.map_lookup(self._compiled.map_fd("of_flows"), key, size) or b""
        return sum(packets for packets, _ in _TALLY.iter_unpack(cells))

    def _set(self, name: str, key: bytes, value: bytes) -> None:
        syscall.map_update(self._compiled.map_fd(name), key, value)


def parse_floor() -> int:
    """The program that parses and passes; its file descriptor."""
    return compile_bpf(BPF / "parse_floor.bpf.c").load("parse_floor")


def _words(address: Address) -> bytes:
    return address.packed.ljust(16, b"\0")
