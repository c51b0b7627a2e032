"""An HTTP/3 server whose connection ids bear the server id of its backend, as a program (aioquic).

Each request is answered with the server's name. `routable` is what docs/quic.md shows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

READY = "serving"


def routable(quic: QuicConnection, server_id: bytes, nonce: int, rotation: int = 0) -> None:
    """Connection ids of a new server connection: rotation and length, server id, nonce."""

    def new_id() -> bytes:
        rest = server_id + os.urandom(nonce)
        return bytes([rotation << 5 | len(rest)]) + rest

    def replenish() -> None:
        known = len(quic._host_cids)
        fill()
        for added in quic._host_cids[known:]:
            added.cid = new_id()

    fill, quic._replenish_connection_ids = quic._replenish_connection_ids, replenish
    first = quic._host_cids[0]
    first.cid = quic.host_cid = quic._local_initial_source_connection_id = new_id()


class Answering(QuicConnectionProtocol):
    """Each request with 200 and the name; what came with it, if anything, with its length."""

    def __init__(self, quic: QuicConnection, *arguments: Any, name: str, **more: Any) -> None:
        super().__init__(quic, *arguments, **more)
        self._name = name
        self._http: H3Connection | None = None
        self._sizes: dict[int, int] = {}

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._http = H3Connection(self._quic)
        if self._http is None:
            return
        for each in self._http.handle_event(event):
            if not isinstance(each, HeadersReceived | DataReceived):
                continue
            size = len(each.data) if isinstance(each, DataReceived) else 0
            self._sizes[each.stream_id] = self._sizes.get(each.stream_id, 0) + size
            if each.stream_ended:
                body = f"{self._name} {self._sizes.pop(each.stream_id)}".encode()
                self._http.send_headers(each.stream_id, [(b":status", b"200")])
                self._http.send_data(each.stream_id, body, end_stream=True)
        self.transmit()


async def run(options: argparse.Namespace) -> None:
    server_id = bytes.fromhex(options.server_id)
    configuration = QuicConfiguration(
        is_client=False,
        alpn_protocols=H3_ALPN,
        connection_id_length=1 + len(server_id) + options.nonce if server_id else 8,
    )
    configuration.load_cert_chain(options.certificate, options.key)

    def protocol(quic: QuicConnection, **more: Any) -> Answering:
        if server_id:
            routable(quic, server_id, options.nonce, options.rotation)
        return Answering(quic, name=options.name, **more)

    for address in options.address:
        await serve(
            address,
            options.port,
            configuration=configuration,
            create_protocol=protocol,
            retry=options.retry,
        )
    print(READY, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", action="append", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--server-id", default="", help="hexadecimal; without it ids are random")
    parser.add_argument("--nonce", type=int, default=4)
    parser.add_argument("--rotation", type=int, default=0)
    parser.add_argument("--retry", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
