"""A backend's side of guard mode cookie-backend: connections of a gateway's SYN cookies.

The program (bpf/programs/cookie_acceptor.bpf.c) is attached at TC ingress. What acknowledges a
cookie gets a request socket by a function of the kernel (bpf_sk_assign_tcp_reqsk, Linux 6.8); all
else is left to the host untouched.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel.backend.verdicts import Counts, read_counts, read_verdicts
from accel.datapath.guard.actions import Stance
from accel.ebpf import features, kfunc, syscall
from accel.ebpf.btf import function_id
from accel.ebpf.loader import compile_bpf
from accel.ebpf.ringbuf import RecordReader
from accel.ebpf.source import read_constants
from accel.errors import HostError, NotFoundError
from accel.model.guard_secret import GENERATIONS, Key

FORMER_SECONDS = 60.0  # more than a gateway that is back takes to roll its keys
VERDICTS = read_verdicts("maps/cookie_acceptor_verdicts.h")
SYSCTLS = Path("/proc/sys/net/ipv4")
# What the kernel wants to be on, and what it is set to by default.
_NEEDED = {
    "tcp_syncookies": 1,
    "tcp_window_scaling": 1,
    "tcp_sack": 1,
    "tcp_timestamps": 1,
    "tcp_ecn": 2,
}
_ASSIGN = "bpf_sk_assign_tcp_reqsk"
LEFT_OVER = np.dtype(
    [
        ("header", "=u4", 2),
        ("client", "V16"),
        ("server", "V16"),
        ("client_port", ">u2"),
        ("server_port", ">u2"),
        ("pad", "u4"),
        ("seq", "=u4"),
        ("ack", "=u4"),
        ("time", "=u4"),
        ("echo", "=u4"),
        ("timestamps", "u1"),
        ("data", "u1"),
        ("pads", "u1", 6),
    ]
)
"""A record with struct waiting of bpf/maps/cookie_acceptor.h."""
_NAMED = slice(8, 48)  # of it, struct left_over
MAX_GATEWAYS = read_constants("maps/cookie_acceptor.h")["MAX_GATEWAYS"]
_KEYS = struct.Struct(f"={2 * GENERATIONS}Q2I")  # struct accept_keys


@dataclass(frozen=True, kw_only=True, slots=True)
class CookieKeys:
    """Keys by generation modulo 4; `generation` is that of the gateway's current one, not 0."""

    generation: int
    keys: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOver:
    """A connection: addresses of 16 bytes, IPv4 as ::ffff:a.b.c.d, and the client's port first."""

    client: bytes
    server: bytes
    ports: tuple[int, int]
    numbers: tuple[int, int]  # seq and ack of what the client sent
    times: tuple[int, int] | None  # the client's timestamp, and the one that it echoes
    data: bool  # it had data


def check_host(sysctls: Path = SYSCTLS) -> None:
    """Raises HostError if this kernel or its settings refuse the request sockets."""
    features.MADE_REQUESTS.require()
    features.TCX_LINKS.require()
    check_settings(sysctls)


def check_settings(sysctls: Path = SYSCTLS) -> None:
    """Raises HostError that says what to set, if the kernel would refuse what cookies carry."""
    off = [name for name in _NEEDED if (sysctls / name).read_text().strip() == "0"]
    if off:
        named = " and ".join(f"net.ipv4.{name}" for name in off)
        settings = " ".join(f"net.ipv4.{name}={_NEEDED[name]}" for name in off)
        raise HostError(
            f"{named} must not be 0: connections of the gateway's cookies would fail",
            hint=f"sysctl -w {settings}, and write it into /etc/sysctl.d",
        )


class Accept:
    """The loaded program. It ends with this object: nothing is pinned.

    Raises HostError and ProgramError if it cannot be loaded.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        try:
            function = function_id(_ASSIGN)
        except OSError as error:
            raise HostError(
                f"this kernel makes no connections of cookies: {error.strerror}",
                hint=features.MADE_REQUESTS.fix,
            ) from None
        self._compiled = compile_bpf("programs/cookie_acceptor.bpf.c")
        self._program = self._compiled.load(
            "cookie_acceptor",
            kind=syscall.PROG_SCHED_CLS,
            kernel_functions={kfunc.FIRST_MARKER: function},
        )
        self._left_overs = RecordReader(self.left_overs_fd, LEFT_OVER)
        self._links: list[int] = []
        self._keys: dict[int, CookieKeys] = {}
        self._former: dict[int, float] = {}

    def set_keys(self, keys: CookieKeys, gateway: int = 0) -> None:
        """From now on cookies by these are valid: of one gateway, by number below MAX_GATEWAYS.

        After a leap over generations, so are those by its former keys until `forget_former`: the
        gateway was away, and its data path goes on for a while with what it had.
        """
        before = self._keys.get(gateway)
        self._keys[gateway] = keys
        if before and keys.generation - before.generation not in (0, 1):
            self._write(2 * gateway + 1, before, before.generation)
            self._former[gateway] = self._clock() + FORMER_SECONDS
            before = None
        # The keys first, and then which of them is the current one.
        self._write(2 * gateway, keys, before.generation if before else 0)
        self._write(2 * gateway, keys, keys.generation)

    def forget_former(self) -> None:
        """To be called about once a second: after a minute no gateway has former keys any more."""
        for gateway, at in list(self._former.items()):  # keys come by other threads
            if self._clock() >= at:
                self._write(2 * gateway + 1, None, 0)
                del self._former[gateway]

    def _write(self, number: int, keys: CookieKeys | None, generation: int) -> None:
        value = bytes(_KEYS.size)
        if keys:
            words = [word for key in keys.keys for word in key]
            value = _KEYS.pack(*words, generation & 0xFFFFFFFF, Stance().wscale)
        syscall.map_update(
            self._compiled.map_fd("accept_keys"), number.to_bytes(4, sys.byteorder), value
        )

    @property
    def left_overs_fd(self) -> int:
        """Readable while there are left-overs to take."""
        return self._compiled.map_fd("left_overs")

    def take_left_overs(self) -> list[LeftOver]:
        """What is in TIME-WAIT in the way of new connections; none is there twice.

        What was told late, and has its connection by now, is left out.
        """
        fd, found = self._compiled.map_fd("held_back"), {}
        for record in self._left_overs.read():
            key = record.tobytes()[_NAMED]
            if syscall.map_lookup(fd, key, 8):
                found[key] = _left_over(record)
        return list(found.values())

    def attach(self, interface: str) -> None:
        """At the interface's TC ingress, behind what XDP unwraps. Raises NotFoundError."""
        try:
            index = socket.if_nametoindex(interface)
        except OSError:
            names = ", ".join(name for _, name in socket.if_nameindex())
            raise NotFoundError("interface", interface, hint=f"there are {names}") from None
        try:
            link = syscall.link_create(self._program, index, syscall.ATTACH_TCX_INGRESS)
        except OSError as error:
            raise HostError(
                f"cannot attach to {interface}: {error.strerror}", hint=features.TCX_LINKS.fix
            ) from None
        self._links.append(link)

    def run(self, frame: bytes) -> syscall.TestRun:
        """One frame through the program, by BPF_PROG_TEST_RUN. It is counted as any other."""
        return syscall.prog_test_run(self._program, frame)

    def counts(self) -> Counts:
        """Packets and bytes by verdict."""
        return read_counts(self._compiled.map_fd("verdicts"), VERDICTS)

    def close(self) -> None:
        """Detach and unload."""
        while self._links:
            os.close(self._links.pop())
        os.close(self._program)
        self._compiled.close()


def _left_over(record: np.void) -> LeftOver:
    return LeftOver(
        client=bytes(record["client"]),
        server=bytes(record["server"]),
        ports=(int(record["client_port"]), int(record["server_port"])),
        numbers=(int(record["seq"]), int(record["ack"])),
        times=(int(record["time"]), int(record["echo"])) if record["timestamps"] else None,
        data=bool(record["data"]),
    )
