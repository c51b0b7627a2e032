"""Certificates as servers on the internet have them: an authority, an issuer below it, a leaf."""

from __future__ import annotations

import enum
import subprocess
from pathlib import Path

NAME = "lab.example"  # whom the leaf is for
_EXTENSIONS = {
    "authority": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n",
    "issuer": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n",
    "leaf": f"subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n",
}


class KeyKind(enum.StrEnum):
    """What keys a chain has, as openssl calls them. The larger, the more a full handshake costs."""

    ECDSA = "ec"
    RSA2048 = "rsa:2048"
    RSA3072 = "rsa:3072"


def make_chain(folder: Path, kind: KeyKind = KeyKind.ECDSA) -> Path:
    """Make key.pem and cert.pem (leaf and issuer) for a server, and authority.pem for its clients.

    Made once. Returns cert.pem.
    """
    path = folder / "cert.pem"
    if path.exists():
        return path
    new = ["-newkey", kind] + ["-pkeyopt", "ec_paramgen_curve:P-256"] * (kind is KeyKind.ECDSA)
    signer = ""
    for name, extensions in _EXTENSIONS.items():
        (folder / f"{name}.ext").write_text(extensions)
        subject = NAME if name == "leaf" else f"lab {name}"
        at = folder / name
        request = ["req", *new, "-nodes", "-subj", f"/CN={subject}"]
        _openssl([*request, "-keyout", f"{at}.key", "-out", f"{at}.csr"])
        signed_by = ["-signkey", f"{at}.key"]
        if signer:
            signed_by = ["-CA", f"{folder / signer}.pem", "-CAkey", f"{folder / signer}.key"]
            signed_by += ["-CAcreateserial"]
        sign = ["x509", "-req", "-days", "2", "-extfile", f"{at}.ext", *signed_by]
        _openssl([*sign, "-in", f"{at}.csr", "-out", f"{at}.pem"])
        signer = name
    (folder / "leaf.key").rename(folder / "key.pem")
    path.write_text("".join((folder / f"{n}.pem").read_text() for n in ("leaf", "issuer")))
    return path


def _openssl(arguments: list[str]) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
