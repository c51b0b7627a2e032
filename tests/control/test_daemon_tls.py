"""acceld over TCP: mutual TLS, and what is refused."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import grpc
import pytest

from accel.v1 import gateway_pb2 as pb
from accel.v1 import gateway_pb2_grpc
from tests.support.daemon.acceld import Acceld


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with a server and a client, and a client of another authority."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=20
        )

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        subject = ("-subj", f"/CN={name}", "-days", "2")
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl("req", "-x509", *new, *subject, *files)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("req", *new, "-subj", f"/CN={name}", *files)
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            *signer,
            "-extfile",
            "names",
            "-out",
            f"{name}.pem",
        )
    return folder


def test_tcp_takes_only_clients_with_a_certificate(acceld: Acceld, certificates: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    read = {path.name: path.read_bytes() for path in certificates.iterdir()}
    files = {"--tls-cert": "server.pem", "--tls-key": "server.key", "--tls-client-ca": "ca.pem"}
    options = [part for o, name in files.items() for part in (o, str(certificates / name))]
    with acceld.running("--tcp", address, *options):
        known = grpc.ssl_channel_credentials(read["ca.pem"], read["client.key"], read["client.pem"])
        with grpc.secure_channel(address, known) as channel:
            stub = gateway_pb2_grpc.GatewayServiceStub(channel)
            assert stub.GetStatus(pb.GetStatusRequest(), timeout=20).revision == 1
        nobody = grpc.ssl_channel_credentials(read["ca.pem"])
        stranger = grpc.ssl_channel_credentials(
            read["ca.pem"], read["stranger.key"], read["stranger.pem"]
        )
        for refused in (
            grpc.secure_channel(address, nobody),
            grpc.secure_channel(address, stranger),
            grpc.insecure_channel(address),
        ):
            stub = gateway_pb2_grpc.GatewayServiceStub(refused)
            with refused, pytest.raises(grpc.RpcError) as caught:
                stub.GetStatus(pb.GetStatusRequest(), timeout=20)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_tls_files_that_are_not_there_are_named(acceld: Acceld) -> None:
    names = ("--tls-cert", "--tls-key", "--tls-client-ca")
    options = [part for o in names for part in (o, "/nowhere.pem")]
    done = acceld.fails("--tcp", "127.0.0.1:0", *options)
    assert done.returncode == 7
    assert "cannot read /nowhere.pem" in done.stderr
