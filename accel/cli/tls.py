"""The options of who talks to a gateway by mutual TLS."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from accel.cli import parser
from accel.errors import InvalidError

if TYPE_CHECKING:
    from accel.client.channel import Certificates


def register(to: argparse._ArgumentGroup) -> None:
    """Add them."""
    for option, text in (
        ("--tls-cert", "this host's certificate"),
        ("--tls-key", "its key"),
        ("--tls-ca", "authority of the gateway's"),
    ):
        parser.file(to.add_argument(option, type=Path, metavar="PEM", help=text))


def given(options: argparse.Namespace) -> bool:
    """Whether any of them is."""
    return bool(options.tls_cert or options.tls_key or options.tls_ca)


def certificates(options: argparse.Namespace) -> Certificates:
    """Raises InvalidError if one is missing."""
    if not (options.tls_cert and options.tls_key and options.tls_ca):
        raise InvalidError(
            "--gateway",
            "talks by mutual TLS only",
            hint="give --tls-cert, --tls-key and --tls-ca",
        )
    from accel.client.channel import Certificates

    return Certificates(certificate=options.tls_cert, key=options.tls_key, authority=options.tls_ca)
