"""Certificates for mutual TLS: an authority with a server and a client, and a stranger."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make(folder: Path, addresses: Sequence[str] = ("127.0.0.1",)) -> Path:
    """ca, server, client and stranger, each a .pem and a .key in `folder`, which is returned.

    The server's is for `addresses`; the stranger's is of another authority.
    """
    for name in ("ca", "stranger"):
        subject = ("-subj", f"/CN={name}", "-days", "2")
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        _openssl(folder, "req", "-x509", *_NEW, *subject, *files)
    listed = ",".join(f"IP:{address}" for address in addresses)
    (folder / "names").write_text(f"subjectAltName={listed}")
    for name in ("server", "client"):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
        _openssl(folder, "req", *_NEW, "-subj", f"/CN={name}", *files)
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        files = ("-extfile", "names", "-out", f"{name}.pem")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, *files)
    return folder


def of_server(folder: Path) -> list[str]:
    """The options of acceld."""
    return _options(
        folder, **{"tls-cert": "server.pem", "tls-key": "server.key", "tls-client-ca": "ca.pem"}
    )


def of_client(folder: Path, name: str = "client") -> list[str]:
    """The options of accel backend run."""
    return _options(
        folder, **{"tls-cert": f"{name}.pem", "tls-key": f"{name}.key", "tls-ca": "ca.pem"}
    )


def _options(folder: Path, **files: str) -> list[str]:
    return [part for option, name in files.items() for part in (f"--{option}", f"{folder / name}")]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=20)
