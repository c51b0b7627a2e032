"""TLS between Python's own client and server, in memory: what the client sends, byte by byte."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.wire import certificates

V2, V3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What a client sent in each flight, the last one with data; and the session that it got."""

    flights: list[bytes]
    handshake: int
    session: ssl.SSLSession | None = field(repr=False)
    resumed: bool

    @property
    def sent(self) -> bytes:
        return b"".join(self.flights)


class Peers:
    """A client and a server of one version, with tickets or without."""

    def __init__(
        self,
        folder: Path,
        version: ssl.TLSVersion,
        *,
        tickets: bool = True,
        client_certificate: bool = False,
        curve: str = "",
        offered: ssl.TLSVersion | None = None,
    ) -> None:
        certificates.make(folder)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.server.minimum_version = self.server.maximum_version = version
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname = False
        self.client.verify_mode = ssl.CERT_NONE
        self.client.maximum_version = offered or version
        self.client.minimum_version = V2
        if not tickets:
            self.server.options |= ssl.OP_NO_TICKET
        if curve:
            self.server.set_ecdh_curve(curve)
        if client_certificate:
            self.client.load_cert_chain(folder / "client.pem", folder / "client.key")
            self.server.verify_mode = ssl.CERT_REQUIRED
            self.server.load_verify_locations(folder / "ca.pem")

    def talk(
        self, session: ssl.SSLSession | None = None, said: bytes = b"GET / HTTP/1.1\r\n\r\n"
    ) -> Talk:
        """One connection, which the client says something over."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.client.wrap_bio(to_client, to_server, server_hostname="api", session=session)
        server = self.server.wrap_bio(to_server, to_client, server_side=True)
        flights: list[bytes] = []
        done = [False, False]
        for _ in range(10):
            for i, peer in enumerate((client, server)):
                if done[i]:
                    continue
                try:
                    peer.do_handshake()
                    done[i] = True
                except ssl.SSLWantReadError:
                    pass
                if not i and (sent := to_server.read()):
                    flights.append(sent)
                    to_server.write(sent)
            if all(done):
                break
        assert all(done), "the handshake did not end"
        handshake = sum(map(len, flights))
        client.write(said)
        flights.append(to_server.read())
        to_server.write(flights[-1])
        assert server.read() == said
        server.write(b"answer")
        assert client.read() == b"answer"
        return Talk(
            flights=flights,
            handshake=handshake,
            session=client.session,
            resumed=bool(client.session_reused),
        )
