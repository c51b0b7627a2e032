"""What the maps hold for a service, as bytes and words. Pure: nothing here touches a map."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from accel.datapath.steering import maglev
from accel.ebpf.source import read_constants
from accel.model.address import Address
from accel.model.backend import Mode, State
from accel.model.placement import NextHop, PlacedBackend, PlacedService

Words = npt.NDArray[np.uint64]

_MAPS = read_constants("maps/gateway.h")
_SERVICE = read_constants("steering/service.h")
LINE = 64  # bytes of struct ring_line and struct backend
SLOTS_PER_LINE = 32
NUMBERS_PER_LINE = 16
OUTER_TTL = read_constants("steering/forward.h")["OUTER_TTL"]
_U64 = (1 << 64) - 1


def address_bytes(address: Address) -> bytes:
    """16 bytes; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2)."""
    if address.version == 6:
        return address.packed
    return bytes(10) + b"\xff\xff" + address.packed


def service_key(address: Address, port: int, protocol: int) -> bytes:
    """What identifies a struct service: its first 20 bytes. All 0: the address as such."""
    return address_bytes(address) + struct.pack("!HBB", port, protocol, 1)


def sieve(addresses: Iterable[Address]) -> Words:
    """The whole sieve with the bits of `addresses` set."""
    words = np.zeros(_MAPS["SIEVE_WORDS"], np.uint64)
    for address in addresses:
        low, high = struct.unpack("=QQ", address_bytes(address))
        bit = ((low ^ high) * _SERVICE["SIEVE_FACTOR"] & _U64) >> _SERVICE["SIEVE_SHIFT"]
        words[bit // 64] |= np.uint64(1 << (bit % 64))
    return words


def admitted(placed: PlacedBackend) -> bool:
    """Whether the ring may choose it: up, and with a next hop (which `local` needs none of)."""
    backend = placed.backend
    ready = backend.mode is Mode.LOCAL or _way_out(placed) is not None
    return backend.state is State.UP and ready


def _way_out(placed: PlacedBackend) -> NextHop | None:
    """Its next hop, if that is all that its mode needs: outer headers need a source, too."""
    hop, mode = placed.next_hop, placed.backend.mode
    if mode is Mode.LOCAL or (hop and mode is not Mode.L2DSR and hop.source is None):
        return None
    return hop


def ring_lines(placed: PlacedService) -> tuple[int, bytes]:
    """How many slots the ring has, and its lines behind the header: slots, then backend numbers.

    All backends are in the list of numbers; the slots point only at those that are admitted.
    Without any there is no ring: (0, b"").
    """
    backends = placed.backends
    chosen = [i for i, b in enumerate(backends) if admitted(b)]
    if not chosen:
        return 0, b""
    local = maglev.build(
        [backends[i].backend.name for i in chosen],
        [backends[i].backend.weight for i in chosen],
        placed.service.ring_size,
    )
    slots = np.array(chosen, np.uint16)[local]
    numbers = np.array([b.number for b in backends], np.uint32)
    return len(slots), _padded(slots.tobytes()) + _padded(numbers.tobytes())


def lines_as_words(lines: bytes) -> Words:
    """Lines as rows of eight words."""
    return np.frombuffer(lines, np.uint64).reshape(-1, LINE // 8)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % LINE)


def backend_words(leaf: Any, placed: PlacedBackend, service: int) -> Words:
    """struct backend as eight words; `leaf` is its ctypes class, `service` its service's index."""
    backend, hop = placed.backend, _way_out(placed)
    entry = leaf(
        state=backend.state,
        generation=placed.generation,
        mode=backend.mode,
        gue_port=_swapped(backend.gue_port),
        service=service,
    )
    if hop is not None:
        entry.mac[:] = hop.mac
        entry.source_mac[:] = hop.source_mac
        entry.ifindex = hop.ifindex
        entry.mtu = hop.mtu
        entry.vlan = _swapped(hop.vlan)
        if backend.mode is not Mode.L2DSR and hop.source is not None:
            entry.outer = backend.address.version
            source, destination = address_bytes(hop.source), address_bytes(backend.address)
            entry.source.word[:] = struct.unpack("=4I", source)
            entry.destination.word[:] = struct.unpack("=4I", destination)
            entry.checksum = _constant_sum(source[12:], destination[12:])
    return np.frombuffer(bytes(entry), np.uint64)


def _swapped(port: int) -> int:
    """A 16-bit number as it reads in memory when it is stored in network order."""
    return int(struct.unpack("=H", struct.pack("!H", port))[0])


def _constant_sum(source: bytes, destination: bytes) -> int:
    """The one's complement sum over what all outer IPv4 headers of a backend share (RFC 791)."""
    constant = struct.pack("!HHBB", 0x4500, 0x4000, OUTER_TTL, 0) + source + destination
    total: int = sum(struct.unpack(f"={len(constant) // 2}H", constant))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
