"""Requests that are begun and ended when they are told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from accel.lab import Host
from accel.model.address import Address
from tests.support.wire.under_attack import until

_BODY = b"x" * 100


class Uploads:
    """Connections that have each begun a request, and end it when they are told.

    So each needs a connection of the proxy's own to a server behind it.
    """

    def __init__(
        self,
        host: Host,
        to: Address,
        ports: Sequence[int],
        ready: Callable[[int], bool] = lambda port: True,
    ) -> None:
        head = f"POST /upload HTTP/1.1\r\nHost: lab\r\nContent-Length: {len(_BODY)}\r\n"
        self.connections = []
        for port in ports:
            until(lambda port=port: ready(port), "what this port waits for")
            with host.namespace.entered():
                connection = socket.socket(socket.AF_INET if to.version == 4 else socket.AF_INET6)
            connection.settimeout(60)
            connection.bind((str(host.address(to.version)), port))
            connection.connect((str(to), 80))
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + _BODY[:1])
            self.connections.append(connection)

    def end(self) -> list[str]:
        """Who answered each."""
        answers = []
        for connection in self.connections:
            with connection:
                connection.sendall(_BODY[1:])
                answer = b""
                while received := connection.recv(4096):
                    answer += received
            head, _, body = answer.decode().partition("\r\n\r\n")
            assert head.startswith("HTTP/1.1 200 "), answer
            assert body == f"{len(_BODY)}\n"
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
            answers.append(fields["x-backend"])
        return answers
