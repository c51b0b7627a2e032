"""Connections that are kept and used again and again, to see whether they stay where they are."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field

from accel.lab.hosts import Host
from accel.model.address import Address

_REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


@dataclass(kw_only=True)
class KeptFlow:
    """One connection: who answered on it, how often, and what went wrong."""

    connection: socket.socket
    backend: str = ""
    requests: int = 0
    error: str = ""


@dataclass(kw_only=True)
class KeptFlows:
    """`count` connections from `host`, each asked every `interval` seconds until `stop`.

    A context manager. All connections are open, and have been answered once, on entry.
    """

    host: Host
    address: Address
    port: int = 80
    count: int = 50
    interval: float = 0.05
    timeout: float = 10.0
    flows: list[KeptFlow] = field(default_factory=list, init=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __enter__(self) -> KeptFlows:
        family = socket.AF_INET if self.address.version == 4 else socket.AF_INET6
        with self.host.namespace.entered():
            for _ in range(self.count):
                flow = KeptFlow(connection=socket.socket(family))
                flow.connection.settimeout(self.timeout)
                flow.connection.connect((str(self.address), self.port))
                self.flows.append(flow)
        self.ask()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def of(self, backend: str) -> list[KeptFlow]:
        """The flows that this backend answers."""
        return [flow for flow in self.flows if flow.backend == backend]

    def errors(self) -> list[str]:
        """What went wrong so far."""
        return [flow.error for flow in self.flows if flow.error]

    def ask(self) -> None:
        """One request on each connection that has had no error."""
        # Each answer is for one who asks: the thread may be at it too.
        with self._asking:
            for flow in self.flows:
                if not flow.error:
                    _ask(flow)

    def stop(self) -> None:
        """Close all connections. May be called twice."""
        self._stop.set()
        self._thread.join()
        for flow in self.flows:
            flow.connection.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.ask()
            time.sleep(self.interval)


def _ask(flow: KeptFlow) -> None:
    try:
        flow.connection.sendall(_REQUEST)
        head, body = b"", b""
        while not body.endswith(b"\n"):
            received = flow.connection.recv(4096)
            if not received:
                raise ConnectionError("closed by the other end")
            head += received
            body = head.partition(b"\r\n\r\n")[2]
    except OSError as error:
        flow.error = f"{flow.backend}: {error}"
        return
    name = body.decode().strip()
    if flow.backend and name != flow.backend:
        flow.error = f"moved from {flow.backend} to {name}"
    flow.backend = name
    flow.requests += 1
