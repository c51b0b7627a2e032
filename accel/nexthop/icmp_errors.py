"""Reads what routers say of packets that were too big: raw sockets on the event loop.

A flood costs little: a filter in the kernel lets nothing else through, a queue that is full drops
the rest there, and of each IP version at most 256 errors are read in a second.
"""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable

from accel.nexthop.path_mtu import TooBig, read_ipv4, read_ipv6

_READS = 64  # at a time
_PAUSE = 0.25  # seconds between two such times
_SO_ATTACH_FILTER = 26

# Classic BPF (linux/filter.h): code, jump if true, jump if false, operand.
_IF, _LOAD_BYTE, _X_IS_IP_HEADER, _HALF_AT_X, _BYTE_AT_X, _RETURN = 0x15, 0x30, 0xB1, 0x48, 0x50, 6
_IF_TUNNEL = (  # what is loaded is IPIP, UDP or IPv6 in IP
    (_IF, 2, 0, 4),
    (_IF, 1, 0, 17),
    (_IF, 0, 1, 41),
    (_RETURN, 0, 0, 0xFFFF),
    (_RETURN, 0, 0, 0),
)
_IPV4 = (  # the data begins with the IP header
    (_X_IS_IP_HEADER, 0, 0, 0),
    (_HALF_AT_X, 0, 0, 0),
    (_IF, 0, 5, 0x0304),  # type and code: fragmentation needed
    (_BYTE_AT_X, 0, 0, 8 + 9),  # the protocol in the quoted header
    *_IF_TUNNEL,
)
_IPV6 = (  # the data begins with the ICMPv6 header
    (_LOAD_BYTE, 0, 0, 0),
    (_IF, 0, 5, 2),  # type: packet too big
    (_LOAD_BYTE, 0, 0, 8 + 6),
    *_IF_TUNNEL,
)

_log = logging.getLogger(__name__)


class TooBigSocket:
    """`tell` is called on the event loop with the errors that were read, from `start` on."""

    def __init__(self, tell: Callable[[list[TooBig]], None]) -> None:
        self._tell = tell
        self._sockets: list[socket.socket] = []

    def start(self) -> None:
        """Listen in the network namespace of this thread. If that is forbidden, a warning says
        what is missed; an IP version that the host has not got is left out."""
        self._loop = asyncio.get_running_loop()
        for family, protocol, code in (
            (socket.AF_INET, socket.IPPROTO_ICMP, _IPV4),
            (socket.AF_INET6, socket.IPPROTO_ICMPV6, _IPV6),
        ):
            try:
                opened = socket.socket(family, socket.SOCK_RAW, protocol)
            except PermissionError:
                _log.warning(
                    "CAP_NET_RAW is missing: nothing is learned of links to backends that are "
                    "narrower than the routes of this host say, and uploads through them stall"
                )
                return
            except OSError as error:
                _log.info("no errors of %s are read: %s", family.name, error.strerror)
                continue
            self._sockets.append(opened)
            opened.setblocking(False)
            _attach_filter(opened, code)
            self._watch(opened)

    def stop(self) -> None:
        """Harmless if not started."""
        while self._sockets:
            opened = self._sockets.pop()
            self._loop.remove_reader(opened)
            opened.close()

    def _watch(self, opened: socket.socket) -> None:
        if opened in self._sockets:
            self._loop.add_reader(opened, self._on_readable, opened)

    def _on_readable(self, opened: socket.socket) -> None:
        self._loop.remove_reader(opened)
        self._loop.call_later(_PAUSE, self._watch, opened)
        errors = []
        for _ in range(_READS):
            try:
                data, sender = opened.recvfrom(1 << 16)
            except OSError:
                break
            if opened.family == socket.AF_INET:
                read = read_ipv4(data)
            else:
                read = read_ipv6(data, ipaddress.IPv6Address(sender[0].partition("%")[0]))
            if read:
                errors.append(read)
        if errors:
            self._tell(errors)


def _attach_filter(opened: socket.socket, code: tuple[tuple[int, int, int, int], ...]) -> None:
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *i) for i in code))
    program = struct.pack("@HP", len(code), ctypes.addressof(instructions))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
