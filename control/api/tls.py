"""TCP is served with mutual TLS only: who may talk is what the client's certificate says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accel.errors import HostError, InvalidError


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """Where to listen, as ADDR:PORT, and PEM files: our certificates, our key, whose clients."""

    address: str
    certificate: Path
    key: Path
    client_ca: Path

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Certificates, key and authority. Raises HostError."""
        contents = []
        for path in (self.certificate, self.key, self.client_ca):
            try:
                contents.append(path.read_bytes())
            except OSError as error:
                raise HostError(
                    f"cannot read {path}: {error.strerror}", hint="give files that acceld may read"
                ) from error
        certificate, key, client_ca = contents
        return certificate, key, client_ca


def tls_of(
    address: str, certificate: Path | None, key: Path | None, client_ca: Path | None
) -> Tls | None:
    """None if nothing of it is given. Raises InvalidError if only some is."""
    if not address and not certificate and not key and not client_ca:
        return None
    if not address or not certificate or not key or not client_ca:
        raise InvalidError(
            "--tcp",
            "TCP is served with mutual TLS only",
            hint="give --tcp, --tls-cert, --tls-key and --tls-client-ca together, or none of them",
        )
    return Tls(address=address, certificate=certificate, key=key, client_ca=client_ca)
