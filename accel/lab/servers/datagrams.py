"""Numbered UDP datagrams to a service, each echoed by a backend: to count what is lost."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from accel.lab.hosts import Host
from accel.model.address import Address

_BUFFER = 8 << 20  # bytes; of the sockets, so that a late reader loses nothing
_SO_RCVBUFFORCE = 33
_QUIET = 1.0  # seconds without an answer after which no more are waited for


@contextlib.contextmanager
def echo(hosts: Sequence[Host], address: Address, port: int) -> Iterator[None]:
    """Each host answers what arrives at `address` and `port` meanwhile."""
    stop = threading.Event()
    threads = []
    for host in hosts:
        server = _socket(host, address.version)
        server.bind((str(address), port))
        threads.append(threading.Thread(target=_echo, args=(server, stop), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _echo(server: socket.socket, stop: threading.Event) -> None:
    with server:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                data, source = server.recvfrom(2048)
                server.sendto(data, source)


class Datagrams:
    """A thread that sends `rate` datagrams a second from `flows` ports, until `stop`."""

    def __init__(
        self, host: Host, address: Address, port: int, *, flows: int = 16, rate: int = 1000
    ) -> None:
        self.sent = 0
        self.answered = 0
        self._sockets = [_socket(host, address.version) for _ in range(flows)]
        for each in self._sockets:
            each.connect((str(address), port))
            each.setblocking(False)
        self._interval = 1 / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for each in self._sockets:
                each.send(self.sent.to_bytes(8, "big"))
                self.sent += 1
                time.sleep(self._interval)
                self._receive()

    def _receive(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while each.recv(2048):
                    self.answered += 1

    def stop(self) -> int:
        """Stop sending, wait for the last answers, and return how many are missing."""
        self._stop.set()
        self._thread.join()
        last, seen = time.monotonic(), self.answered
        while self.answered < self.sent and time.monotonic() - last < _QUIET:
            time.sleep(0.01)
            self._receive()
            if self.answered != seen:
                last, seen = time.monotonic(), self.answered
        for each in self._sockets:
            each.close()
        return self.sent - self.answered


def _socket(host: Host, version: int) -> socket.socket:
    with host.namespace.entered():
        made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    made.settimeout(0.1)
    return made
