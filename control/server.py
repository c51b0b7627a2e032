"""The gRPC server: a unix socket, and TCP with mutual TLS if that is asked for."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from accel.control.gateway import Gateway
from accel.control.rpc_errors import ErrorInterceptor
from accel.control.servicer import Servicer
from accel.errors import HostError, InvalidError
from accel.v1 import gateway_pb2, gateway_pb2_grpc

MESSAGE_BYTES = 64 << 20  # 100,000 backends take about 10 MB
_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its end
_SOCKET_MODE = 0o660
FOLDER_MODE = 0o750

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """Files in PEM form: the server's certificate chain and key, and whose clients may talk."""

    certificate: Path
    key: Path
    client_ca: Path


def prepare_folder(path: Path) -> None:
    """Make the folder of the socket, whose mode says who may talk. Raises HostError."""
    if len(bytes(path)) > _SOCKET_PATH_BYTES:
        raise InvalidError(
            "--socket",
            f"{path} is longer than {_SOCKET_PATH_BYTES} bytes",
            hint="give a shorter one",
        )
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.parent.stat().st_mode)
    except OSError as error:
        raise HostError(
            f"cannot make the folder {path.parent}: {error.strerror}",
            hint="make it, or give another --socket",
        ) from error
    if mode & 0o007:
        _log.warning(
            "%s has mode %o: others than its group can reach the socket's folder", path.parent, mode
        )


async def start(
    gateway: Gateway, path: Path, *, tcp: str = "", tls: Tls | None = None
) -> grpc.aio.Server:
    """Serve at the unix socket `path`, whose lock the caller holds. Raises HostError.

    `tcp` is an address and port, served with `tls` only.
    """
    server = grpc.aio.server(
        interceptors=(ErrorInterceptor(),),
        options=(
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ),
    )
    gateway_pb2_grpc.add_GatewayServiceServicer_to_server(Servicer(gateway), server)
    name = gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"].full_name
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = (name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    path.unlink(missing_ok=True)
    _add(server, f"unix:{path}", None)
    path.chmod(_SOCKET_MODE)
    if tls is not None:
        _add(server, tcp, _credentials(tls))
    await server.start()
    for each in ("", name):
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
    contents = []
    for path in (tls.certificate, tls.key, tls.client_ca):
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            raise HostError(
                f"cannot read {path}: {error.strerror}", hint="give files that acceld may read"
            ) from error
    certificate, key, client_ca = contents
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=client_ca, require_client_auth=True
    )
