"""An HTTP/3 client that can go to another address in mid-connection (aioquic)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent

from accel.lab import Host
from accel.model.address import Address

_SECONDS = 60.0  # in which a handshake must end
_IDLE = 600.0  # seconds: no test takes so long


class _Into(asyncio.DatagramProtocol):
    """What comes to one of the sockets goes to the connection."""

    def __init__(self, client: QuicConnectionProtocol) -> None:
        self._client = client

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._client.datagram_received(data, address)


class QuicClient(QuicConnectionProtocol):
    """One connection to a service. Everything is to be called in its event loop."""

    def __init__(self, quic: QuicConnection, to: Address) -> None:
        super().__init__(quic)
        self._version = to.version
        self._http = H3Connection(quic)
        self._bodies: dict[int, bytes] = {}
        self._waiting: dict[int, asyncio.Future[str]] = {}

    @classmethod
    async def to(
        cls, host: Host, to: Address, port: int, *, local_port: int = 0, version: int | None = None
    ) -> QuicClient:
        """Connect; the handshake is complete when this returns."""
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=H3_ALPN,
            server_name="lab",
            idle_timeout=_IDLE,
            verify_mode=ssl.CERT_NONE,
        )
        if version is not None:
            configuration.supported_versions = [version]
            configuration.original_version = version
        client = cls(QuicConnection(configuration=configuration), to)
        await client._open(host, local_port)
        client.connect((str(to), port) if to.version == 4 else (str(to), port, 0, 0))
        await asyncio.wait_for(client.wait_connected(), _SECONDS)
        return client

    @property
    def peer_id(self) -> bytes:
        """The server's connection id that packets bear now."""
        return bytes(self._quic._peer_cid.cid)

    @property
    def more_ids(self) -> list[bytes]:
        """Those that the server has given for later."""
        return [bytes(each.cid) for each in self._quic._peer_cid_available]

    def ask(self, body: bytes = b"") -> asyncio.Future[str]:
        """Send a request; its answer: the server's name, and how many bytes came with it."""
        stream = self._quic.get_next_available_stream_id()
        waiter: asyncio.Future[str] = self._loop.create_future()
        self._bodies[stream], self._waiting[stream] = b"", waiter
        names = (b":method", b":scheme", b":authority", b":path")
        values = (b"POST", b"https", b"lab", b"/")
        headers = list(zip(names, values, strict=True))
        self._http.send_headers(stream, headers, end_stream=not body)
        if body:
            self._http.send_data(stream, body, end_stream=True)
        self.transmit()
        return waiter

    async def answer(self, body: bytes = b"") -> str:
        """Ask, and wait."""
        return await asyncio.wait_for(self.ask(body), _SECONDS)

    async def move(self, host: Host, local_port: int = 0, *, new_id: bool = True) -> None:
        """From now on packets come from there, under another of the server's connection ids.

        Without `new_id` it is as if a NAT on the way had forgotten the client.
        """
        before = self._transport
        assert before is not None
        await self._open(host, local_port)
        before.close()
        if new_id:
            assert self.more_ids, "the server has given no connection ids for later"
            self._quic.change_connection_id()

    def end(self) -> None:
        """Close the connection and the socket."""
        self.close()
        if self._transport is not None:
            self._transport.close()
        if self._timer is not None:
            self._timer.cancel()

    async def _open(self, host: Host, local_port: int) -> None:
        with host.namespace.entered():
            opened = socket.socket(
                socket.AF_INET if self._version == 4 else socket.AF_INET6, socket.SOCK_DGRAM
            )
        opened.bind((str(host.address(self._version)), local_port))
        self._transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Into(self), sock=opened
        )

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            for waiter in self._waiting.values():
                waiter.set_exception(ConnectionError(event.reason_phrase))
            self._waiting.clear()
        for each in self._http.handle_event(event):
            if not isinstance(each, HeadersReceived | DataReceived):
                continue
            if isinstance(each, DataReceived):
                self._bodies[each.stream_id] += each.data
            if each.stream_ended and each.stream_id in self._waiting:
                body = self._bodies.pop(each.stream_id).decode()
                self._waiting.pop(each.stream_id).set_result(body)
