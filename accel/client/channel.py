"""Channels to a gateway's daemon: over its unix socket, or over TCP with mutual TLS.

They connect again by themselves, for as long as they are open.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from accel.errors import HostError, InvalidError

_OPTIONS = (
    # Without these a gateway that vanished would be believed in for as long as TCP is.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
# The authority of a unix socket is its path, percent-encoded, which some servers refuse.
_OF_SOCKETS = ("grpc.default_authority", "localhost")


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """PEM files: who we are, our key, and who vouches for the gateway."""

    certificate: Path
    key: Path
    authority: Path

    def credentials(self) -> Any:
        """For a channel. Raises HostError if one cannot be read."""
        contents = []
        for path in (self.authority, self.key, self.certificate):
            try:
                contents.append(path.read_bytes())
            except OSError as error:
                raise HostError(
                    f"cannot read {path}: {error.strerror}",
                    hint="give --tls-cert, --tls-key and --tls-ca as PEM files",
                ) from None
        return grpc.ssl_channel_credentials(*contents)


def open_channel(target: Path | str, certificates: Certificates | None = None) -> Any:
    """To a unix socket if `target` is a path, else to HOST:PORT, which takes `certificates`.

    Raises InvalidError without them, and HostError if they cannot be read.
    """
    if isinstance(target, Path):
        return grpc.insecure_channel(f"unix:{target}", options=(*_OPTIONS, _OF_SOCKETS))
    if certificates is None:
        raise InvalidError(
            "certificates",
            f"are missing: {target} talks by mutual TLS only",
            hint="give a certificate, its key and the gateway's authority; or the path of a socket",
        )
    return grpc.secure_channel(target, certificates.credentials(), options=_OPTIONS)
