"""A flood: millions of TCP segments a second from sources that are not there, or from bots.

    with at_gateway(lab, sources=[ip_network("198.18.0.0/15")], to=address, rate=200_000) as flood:
        ...
    flood.sent

The frames are written by bpf/programs/flood.bpf.c in the kernel (BPF_F_TEST_XDP_LIVE_FRAMES, 5.18)
and leave by an interface as if it sent them: they come to the other end without a stack in
between. The other end of a veth must run an XDP program to take them (Namespace.take_xdp).
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import itertools
import mmap
import os
import secrets
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from accel.datapath import frame
from accel.ebpf import features, syscall
from accel.ebpf.loader import Compiled, compile_bpf
from accel.ebpf.source import read_constants
from accel.lab.namespace import Namespace
from accel.lab.network import Lab
from accel.model.address import Address
from accel.model.service import Protocol

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CONSTANTS = read_constants("lab/flood.h")
_KINDS, _PREFIXES = _CONSTANTS["KINDS"], _CONSTANTS["PREFIXES"]
_FRAME = 8 * _CONSTANTS["WORDS"]
_SLICE = 1 << 14  # frames in one system call, at the most: some ten milliseconds
_TICK = 0.002  # seconds between slices of a flood that has a rate
_ETHERNET = 14
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
# MSS 1460, SACK permitted, timestamps, no operation, window scale 7: those of a Linux client.
_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")


class Kind(enum.Enum):
    """Of which segments a flood is: their TCP flags."""

    SYN = (_SYN,)
    ACK = (_ACK,)
    RST = (_RST,)
    SYN_ACK = (_SYN | _ACK,)
    MIXED = (_SYN, _ACK, _RST, _FIN | _ACK)


class Flood:
    """Segments to `to` and `port` from drawn addresses of `sources`, and drawn ports.

    `rate` is in frames per second, 0 for as many as go. It ends with `stop`, after `seconds`, or
    once `most` frames are sent. Of `sources`, up to eight, each is used alike. `bots` answer what
    a real host would: challenges by an RST, SYN cookies by an ACK. It leaves by `interface` of
    `namespace` for the MAC address `mac`; what comes back there to a source goes no further. The
    same `seed` draws the same. A context manager. Raises HostError before kernel 5.18, or without
    the right to load programs.
    """

    def __init__(
        self,
        namespace: Namespace,
        interface: str,
        mac: str,
        *,
        sources: Sequence[Network],
        to: Address,
        port: int = 80,
        kind: Kind = Kind.SYN,
        rate: int = 0,
        bots: bool = False,
        most: int = 1 << 40,
        seconds: float = 60.0,
        cpu: int | None = None,
        seed: int | None = None,
    ) -> None:
        features.CONTEXT_RUNS.require()  # live frames came with the same kernel
        self._namespace = namespace
        self._rate, self._most, self._seconds, self._cpu = rate, most, seconds, cpu
        compiled = _compiled()
        self._program = compiled.load("flood")
        memory = mmap.mmap(compiled.map_fd("floods"), mmap.PAGESIZE)
        self._flood: Any = compiled.leaf("floods").from_buffer(memory)
        self._flood.seed = secrets.randbits(64) if seed is None else seed
        self._flood.bots, self._flood.version = bots, to.version
        for i, flags in zip(range(_KINDS), itertools.cycle(kind.value), strict=False):
            _write_pattern(
                self._flood.pattern[i], bytes.fromhex(mac.replace(":", "")), to, port, flags
            )
        for i, network in zip(range(_PREFIXES), itertools.cycle(sources), strict=False):
            self._flood.prefix[i].base[:] = _words(network.network_address)
            self._flood.prefix[i].mask[:] = _words(network.hostmask)
        shore = compiled.load("shore")
        namespace.take_xdp(interface, shore)
        os.close(shore)
        compiled.close()  # so that the next flood has a map of its own
        with namespace.entered():
            self._index = namespace.index(interface)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def sent(self) -> int:
        """Frames so far."""
        return int(self._flood.sent)

    @property
    def returned(self) -> int:
        """How many packets came back to the sources."""
        return int(self._flood.returned)

    @property
    def answered(self) -> int:
        """How many of them bots have answered."""
        return int(self._flood.answered)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Let it begin."""
        self._thread.start()

    def wait(self) -> int:
        """Wait until it has sent all that it was to; returns how many. Raises what ended it."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.sent

    def stop(self) -> int:
        """End it. Returns how many frames were sent. Raises what has ended it before."""
        self._stop.set()
        return self.wait()

    def __enter__(self) -> Flood:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            with self._namespace.entered(), _on_cpu(self._cpu):
                self._send()
        except BaseException as failure:
            self._failure = failure
        finally:
            os.close(self._program)

    def _send(self) -> None:
        began = time.monotonic()
        end = began + self._seconds
        while not self._stop.is_set() and (now := time.monotonic()) < end:
            due = min(_SLICE, self._most - self.sent)
            if due <= 0:
                break
            if self._rate:
                # What a busy machine made it miss is not sent later, all at once.
                began = max(began, now - (self.sent + _SLICE) / self._rate)
                due = min(due, int((now - began) * self._rate) - self.sent)
            if due > 0:
                self._slice(due)
            if self._rate:
                self._stop.wait(_TICK)

    def _slice(self, frames: int) -> None:
        context = struct.pack("=6I", 0, _FRAME, 0, self._index, 0, 0)
        with suppress(InterruptedError):
            syscall.prog_test_run(
                self._program,
                bytes(_FRAME),
                context=context,
                repeat=frames,
                flags=syscall.F_TEST_XDP_LIVE_FRAMES,
            )


def at_gateway(lab: Lab, **options: Any) -> Flood:
    """A flood that comes to the lab's gateway by its own cable, past the router's stack.

    `options` are those of Flood. What backends answer to its sources the router swallows.
    """
    for network in options["sources"]:
        lab.router.netlink.route("replace", dst=str(network), type="blackhole")
    return Flood(lab.router, lab.port(lab.gateway), lab.gateway.mac, **options)


@functools.cache
def _compiled() -> Compiled:
    return compile_bpf("programs/flood.bpf.c")


@contextmanager
def _on_cpu(cpu: int | None) -> Iterator[None]:
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})  # of this thread
    yield


def _write_pattern(pattern: Any, mac: bytes, to: Address, port: int, flags: int) -> None:
    """The frame, and the sums that its checksums begin with (RFC 1071)."""
    options = _OPTIONS if flags & _SYN else b""
    nobody = type(to)(0)
    written = bytearray(
        frame.build(
            source=nobody,
            source_port=0,
            destination=to,
            destination_port=port,
            protocol=Protocol.TCP,
            payload=options,
        )
    )
    written[:6] = mac
    ip, tcp = written[_ETHERNET : -20 - len(options)], written[-20 - len(options) :]
    tcp[4:12] = bytes(8)  # sequence and acknowledgement numbers
    tcp[12:14] = (len(tcp) // 4 << 4, flags)
    tcp[16:18] = bytes(2)
    if to.version == 4:
        ip[10:12] = bytes(2)
    pseudo = to.packed + struct.pack("!II", len(tcp), Protocol.TCP)
    pattern.tcp_sum = _sum(pseudo + bytes(tcp))
    pattern.ip_sum = _sum(bytes(ip))
    pattern.length = _ETHERNET + len(ip) + len(tcp)
    pattern.ack = 0xFFFFFFFF if flags & _ACK else 0
    whole = bytes(written[:_ETHERNET] + ip + tcp).ljust(_FRAME, b"\0")
    pattern.word[:] = struct.unpack(f"={_FRAME // 8}Q", whole)


def _sum(data: bytes) -> int:
    """In the order of the bytes in memory, as the program goes on."""
    (number,) = struct.unpack("=H", struct.pack("!H", frame.checksum(data) ^ 0xFFFF))
    return int(number)


def _words(address: Address) -> tuple[int, int]:
    """Two words in the order of the bytes in memory."""
    first, second = struct.unpack("=QQ", address.packed.ljust(16, b"\0"))
    return first, second
