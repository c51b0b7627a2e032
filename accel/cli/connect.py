"""From the options to a client. gRPC is imported here, when a command first talks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accel.client.client import Client

DEFAULT_SOCKET = "/run/accel/accel.sock"
ENVIRONMENT = "ACCEL_SOCKET"


def socket_path(options: argparse.Namespace) -> Path:
    """--socket, or else $ACCEL_SOCKET, or else the default."""
    return Path(options.socket or os.environ.get(ENVIRONMENT) or DEFAULT_SOCKET)


def client(options: argparse.Namespace) -> Client:
    """A client of the daemon; nothing is sent yet."""
    quiet()
    from accel.client.client import Client

    return Client(socket_path(options), seconds=options.timeout)


def quiet() -> None:
    """To be called before gRPC is imported: its errors come as exceptions, too."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
