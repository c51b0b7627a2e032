"""An rtnetlink socket: list the kernel's tables, hear of changes, ask for neighbours."""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
from collections.abc import Iterator

from accel.nexthop import messages as rtnetlink
from accel.nexthop.mirror import NeighbourKey

# Links, neighbours, addresses and routes of both families, nexthop objects.
_GROUPS = (1, 3, 5, 7, 9, 11, 32)
_RECEIVE_BUFFER = 4 << 20  # bytes: some 10,000 events
_BATCH = 256  # requests in one datagram

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_SO_RCVBUFFORCE = 33


class EventsLostError(Exception):
    """The kernel had more events than fit the buffer: what is known may be wrong."""


class RouteSocket:
    """In the network namespace of the thread that opens it. Every method may raise OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = itertools.count(1)
        try:
            self._socket.bind((0, 0))
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """For an event loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """May be called twice."""
        self._socket.close()

    def subscribe(self) -> None:
        """Hear of every change from now on; `events` no longer waits."""
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        for group in _GROUPS:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        self._socket.setblocking(False)

    def events(self) -> Iterator[rtnetlink.Message]:
        """All that wait to be read. Raises EventsLostError if some were dropped."""
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise EventsLostError from error
                raise
            yield from rtnetlink.split(data)

    def dump(self, kind: int) -> list[rtnetlink.Message]:
        """All objects that a RTM_GET… asks for; again if they changed while they were read."""
        while True:
            sequence = next(self._sequence)
            self._socket.send(rtnetlink.dump_request(kind, sequence))
            messages: list[rtnetlink.Message] = []
            while not messages or messages[-1].kind != rtnetlink.NLMSG_DONE:
                received = rtnetlink.split(self._socket.recv(1 << 18))
                messages += [m for m in received if m.sequence == sequence]
                if messages and messages[-1].kind == rtnetlink.NLMSG_ERROR:
                    raise OSError(messages[-1].error, "the kernel refused to list its tables")
            if not any(m.flags & rtnetlink.NLM_F_DUMP_INTR for m in messages):
                return messages[:-1]

    def probe(self, neighbours: list[NeighbourKey]) -> None:
        """Have the kernel find or confirm these, as if packets were sent to them."""
        for start in range(0, len(neighbours), _BATCH):
            batch = neighbours[start : start + _BATCH]
            self._socket.send(b"".join(map(rtnetlink.probe_request, batch)))
