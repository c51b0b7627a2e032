"""The gRPC server: a unix socket, and TCP with mutual TLS if that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from accel.control.api.rpc_errors import ErrorInterceptor
from accel.control.api.served import Served
from accel.control.api.tls import Tls
from accel.errors import HostError

MESSAGE_BYTES = 64 << 20  # 100,000 backends take about 10 MB
_SOCKET_MODE = 0o660


async def start(serves: Sequence[Served], path: Path, *, tls: Tls | None = None) -> grpc.aio.Server:
    """Serve these at the unix socket `path`, and by TCP if `tls` says so. Raises HostError.

    The caller holds the lock of the socket.
    """
    server = grpc.aio.server(
        interceptors=(ErrorInterceptor(),),
        options=(
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            # Backends that follow the keys see by pings whether we are still there.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ),
    )
    for served in serves:
        served.add(served.servicer, server)
    named = [served.name for served in serves]
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection(
        (*named, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    path.unlink(missing_ok=True)
    _add(server, f"unix:{path}", None)
    path.chmod(_SOCKET_MODE)
    if tls is not None:
        _add(server, tls.address, _credentials(tls))
    await server.start()
    for each in ("", *named):
        await checks.set(each, health_pb2.HealthCheckResponse.SERVING)
    return server


def _add(server: Any, address: str, credentials: Any) -> None:
    try:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise HostError(
            f"cannot listen at {address}: {error}",
            hint="see that the address is this host's and free",
        ) from error


def _credentials(tls: Tls) -> Any:
    certificate, key, client_ca = tls.read()
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=client_ca, require_client_auth=True
    )
