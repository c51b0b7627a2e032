"""Clients: new connections from new addresses at a steady pace, each with one HTTP request."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

COUNT = 200
_GAP = 0.002  # seconds between connections
_REQUEST = b"GET /1 HTTP/1.0\r\n\r\n"
_FREEBIND = 15  # IP_FREEBIND


@dataclass(kw_only=True)
class _Connection:
    socket: socket.socket
    began: float
    connected: float = math.inf  # seconds after it began
    answer: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What came of `COUNT` connections: how long connecting took, in seconds, inf if for ever."""

    took: list[float] = field(default_factory=list)
    answered: int = 0

    @property
    def p99(self) -> float:
        """That of the 198th of 200."""
        return p99(self.took)


def p99(took: Sequence[float]) -> float:
    """The 99th percentile: the least that 99 % do not exceed."""
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]


def visit(sources: Iterable[IPv4Address], to: IPv4Address, *, patience: float) -> Visit:
    """A connection from each source, in this thread's namespace; over after `patience` seconds."""
    selector = selectors.EpollSelector()
    waiting = list(reversed(list(sources)))
    all_: list[_Connection] = []
    start = time.perf_counter()
    open_ = 0
    while (waiting or open_) and (now := time.perf_counter()) < start + patience:
        due = start + _GAP * len(all_)
        if waiting and now >= due:
            one = _connect(waiting.pop(), to)
            all_.append(one)
            selector.register(one.socket, selectors.EVENT_WRITE, one)
            open_ += 1
            continue
        for key, _ in selector.select(max(0.0, due - now) if waiting else 0.05):
            open_ -= _go_on(selector, key.data)
    for one in all_:
        one.socket.close()
    selector.close()
    return Visit(
        took=[one.connected for one in all_],
        answered=sum(one.answer.startswith(b"HTTP/1.1 200") for one in all_),
    )


def _connect(source: IPv4Address, to: IPv4Address) -> _Connection:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    made.bind((str(source), 0))
    began = time.perf_counter()
    made.connect_ex((str(to), 80))
    return _Connection(socket=made, began=began)


def _go_on(selector: selectors.BaseSelector, one: _Connection) -> bool:
    """Whether it is at its end."""
    try:
        if one.connected == math.inf:
            took = time.perf_counter() - one.began
            if one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                one.socket.send(_REQUEST)
                one.connected = took
                selector.modify(one.socket, selectors.EVENT_READ, one)
                return False
        elif data := one.socket.recv(4096):
            one.answer += data
            return False
    except OSError:
        pass
    selector.unregister(one.socket)
    one.socket.close()
    return True
