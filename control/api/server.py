"""The gRPC server: a unix socket, and TCP with mutual TLS if that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from accel.control.api.gateway import Servicer
from accel.control.api.guard import GuardServicer
from accel.control.api.hints import HintServicer
from accel.control.api.keys import KeyServicer
from accel.control.api.prefixes import PrefixServicer
from accel.control.api.rpc_errors import ErrorInterceptor
from accel.control.api.tls import Tls
from accel.control.gateway.gateway import Gateway
from accel.errors import HostError
from accel.v1 import (
    gateway_pb2,
    gateway_pb2_grpc,
    guard_pb2,
    guard_pb2_grpc,
    hint_pb2,
    hint_pb2_grpc,
    keys_pb2,
    keys_pb2_grpc,
    prefix_pb2,
    prefix_pb2_grpc,
)

MESSAGE_BYTES = 64 << 20  # 100,000 backends take about 10 MB
_SOCKET_MODE = 0o660


async def start(gateway: Gateway, path: Path, *, tls: Tls | None = None) -> grpc.aio.Server:
    """Serve at the unix socket `path`, whose lock the caller holds, and by TCP if `tls` says so.

    Raises HostError.
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
    gateway_pb2_grpc.add_GatewayServiceServicer_to_server(Servicer(gateway), server)
    guard_pb2_grpc.add_GuardServiceServicer_to_server(GuardServicer(gateway), server)
    hint_pb2_grpc.add_HintServiceServicer_to_server(HintServicer(gateway), server)
    prefix_pb2_grpc.add_PrefixServiceServicer_to_server(PrefixServicer(gateway), server)
    keys_pb2_grpc.add_KeyServiceServicer_to_server(KeyServicer(gateway), server)
    named = (
        gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"].full_name,
        guard_pb2.DESCRIPTOR.services_by_name["GuardService"].full_name,
        hint_pb2.DESCRIPTOR.services_by_name["HintService"].full_name,
        keys_pb2.DESCRIPTOR.services_by_name["KeyService"].full_name,
        prefix_pb2.DESCRIPTOR.services_by_name["PrefixService"].full_name,
    )
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
    gateway.keys.serve()
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
