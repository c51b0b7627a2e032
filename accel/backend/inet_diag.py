"""Ends what is left of a connection, by its addresses and ports (sock_diag(7)).

Which socket it is, and in which state, is asked first: where the connection has ended by itself,
the same addresses and ports name the listener, which must not be ended.
"""

from __future__ import annotations

import os
import socket
import struct

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_TELL, _DESTROY = 20, 21  # SOCK_DIAG_BY_FAMILY, SOCK_DESTROY
_REQUEST, _ACK = 1, 4
_ERROR = 2  # NLMSG_ERROR
_OF_TIME_WAIT = 3  # of idiag_timer: nothing else has it, and its state may still be FIN-WAIT-2
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_WHICH = struct.Struct("=BBBBI")  # of struct inet_diag_req_v2: what is before its id
_PORTS = struct.Struct("!HH")
_ANY_INTERFACE = bytes(4)
_ANY_SOCKET = b"\xff" * 8
_TIMER = _HEADER.size + 2  # of struct inet_diag_msg, in which an id of 48 bytes follows
_COOKIE = slice(_HEADER.size + 44, _HEADER.size + 52)
_MAPPED = bytes(10) + b"\xff\xff"


def end_time_wait(*, here: bytes, there: bytes, port: int, their_port: int) -> bool:
    """End the TCP connection, if it is in TIME-WAIT. Whether it was.

    Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. Raises OSError, EOPNOTSUPP of kernels that end
    none in TIME-WAIT; needs CAP_NET_ADMIN and CONFIG_INET_DIAG_DESTROY.
    """
    family = socket.AF_INET if there.startswith(_MAPPED) else socket.AF_INET6
    if family == socket.AF_INET:
        here, there = here[12:].ljust(16, b"\0"), there[12:].ljust(16, b"\0")
    which = _WHICH.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    which += _PORTS.pack(port, their_port) + here + there + _ANY_INTERFACE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        try:
            told = _ask(netlink, _TELL, _REQUEST, which + _ANY_SOCKET)
            if told[_TIMER] != _OF_TIME_WAIT:
                return False
            _ask(netlink, _DESTROY, _REQUEST | _ACK, which + told[_COOKIE])
        except FileNotFoundError:
            return False
    return True


def _ask(netlink: socket.socket, what: int, flags: int, request: bytes) -> bytes:
    netlink.send(_HEADER.pack(_HEADER.size + len(request), what, flags, 1, 0) + request)
    answer = netlink.recv(4096)
    if _HEADER.unpack_from(answer)[1] == _ERROR:
        (error,) = struct.unpack_from("=i", answer, _HEADER.size)
        if error:
            raise OSError(-error, os.strerror(-error))
    return answer
