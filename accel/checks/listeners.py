"""The TCP listeners of this network namespace, by sock_diag(7): how large their buffers are."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from accel.datapath.guard.local_cookies import sysctl
from accel.model.address import Address

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_LISTEN = 1 << 10
_MEMORY = 7
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")
_MESSAGE = struct.Struct("=B3x2s2x16s48x")  # family, port, address
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER = struct.Struct("=4xI")  # of struct sk_meminfo's words the second
_LARGEST = 1 << 16  # bytes of an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """`buffer` is the size of its receive buffer in bytes."""

    address: Address
    port: int
    buffer: int

    def hears(self, address: Address, port: int) -> bool:
        """Whether connections to there (port 0: any) may come to it."""
        if port not in (0, self.port):
            return False
        # One of IPv6 that is bound to no address hears IPv4 as well.
        anywhere = self.address.is_unspecified and self.address.version >= address.version
        return anywhere or self.address == address


def listeners() -> list[Listener]:
    """All of them. Raises OSError where the kernel tells of none (CONFIG_INET_DIAG)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as diag:
        return [one for family in (socket.AF_INET, socket.AF_INET6) for one in _dump(diag, family)]


def unusual_listeners() -> frozenset[Listener]:
    """Those with another receive buffer than net.ipv4.tcp_rmem gives: the kernel computes another
    window scale for them. None where the kernel does not tell."""
    usual = sysctl("net.ipv4.tcp_rmem")[1:2]
    with contextlib.suppress(OSError):
        return frozenset(one for one in listeners() if (one.buffer,) != usual)
    return frozenset()


def _dump(diag: socket.socket, family: int) -> Iterator[Listener]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (_MEMORY - 1), _LISTEN)
    size = _HEADER.size + len(request)
    diag.send(_HEADER.pack(size, _BY_FAMILY, _REQUEST_DUMP, 0, 0) + request)
    while True:
        answer = memoryview(diag.recv(_LARGEST))
        while answer:
            length, kind, *_ = _HEADER.unpack_from(answer)
            if kind == _DONE:
                return
            if kind == _ERROR:
                (error,) = struct.unpack_from("=i", answer, _HEADER.size)
                raise OSError(-error, "the kernel lists no listeners")
            yield _listener(answer[_HEADER.size : length])
            answer = answer[(length + 3) & ~3 :]


def _listener(message: memoryview) -> Listener:
    family, port, address = _MESSAGE.unpack_from(message)
    at, buffer = _MESSAGE.size, 0
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == _MEMORY:
            (buffer,) = _BUFFER.unpack_from(message, at + _ATTRIBUTE.size)
        at += (length + 3) & ~3
    return Listener(
        address=ipaddress.ip_address(address[:4] if family == socket.AF_INET else address),
        port=int.from_bytes(port, "big"),
        buffer=buffer,
    )
