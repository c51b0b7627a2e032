"""ClientHellos of real clients, with and without a session; and bytes that are none."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.tls.client_hello import ClientHello, read_client_hello
from tests.support.wire.tls_talk import V2, V3, Peers


def hello(extensions: bytes, *, session_id: bytes = b"", records: int = 1 << 14) -> bytes:
    """By RFC 8446 4.1.2, in records of so many bytes at the most."""
    body = b"\x03\x03" + bytes(32) + bytes((len(session_id),)) + session_id
    body += b"\x00\x02\x13\x01" + b"\x01\x00" + len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    parts = [message[i : i + records] for i in range(0, len(message), records)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2) + len(data).to_bytes(2) + data


VERSIONS = extension(43, b"\x04\x03\x04\x03\x03")
PSK = extension(41, bytes(300))
KEY_SHARE = extension(51, bytes(1216))  # X25519MLKEM768


@pytest.mark.parametrize(("version", "offered"), [(V2, V2), (V2, V3), (V3, V3)])
def test_a_python_client_with_and_without_a_session(
    tmp_path: Path, version: ssl.TLSVersion, offered: ssl.TLSVersion
) -> None:
    peers = Peers(tmp_path, version, offered=offered)
    first = peers.talk()
    again = peers.talk(first.session)
    assert (first.resumed, again.resumed) == (False, True)
    for talk in (first, again):
        assert read_client_hello(talk.sent) == ClientHello(
            size=len(talk.flights[0]), resumes=talk.resumed
        )
        assert read_client_hello(talk.flights[0][:-1]) is None


def test_a_session_id_of_tls_1_2_without_tickets(tmp_path: Path) -> None:
    peers = Peers(tmp_path, V2, tickets=False)
    first = peers.talk()
    again = peers.talk(first.session)
    found = [read_client_hello(talk.sent) for talk in (first, again)]
    assert [bool(one and one.resumes) for one in found] == [False, True]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(tmp_path: Path, version: str) -> None:
    """The session comes from a server of its own, and is offered to a socket that only listens."""
    talk = Peers(tmp_path, V2 if version == "-tls1_2" else V3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        sessions = ["-sess_out", "session.pem"]
        client = _s_client(tmp_path, target, version, *sessions)
        connection, _ = listener.accept()
        with talk.server.wrap_socket(connection, server_side=True) as served:
            served.write(b"hello")
        client.communicate(timeout=60)
        for offers in ([], ["-sess_in", "session.pem"]):
            client = _s_client(tmp_path, target, version, *offers)
            connection, _ = listener.accept()
            with connection:
                sent = connection.recv(1 << 16)
                found = read_client_hello(sent)
                assert found
                assert (found.size, found.resumes) == (len(sent), bool(offers))
            client.communicate(timeout=60)


def _s_client(folder: Path, target: str, *options: str) -> subprocess.Popen[bytes]:
    command = ["openssl", "s_client", "-connect", target, "-ign_eof", *options]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("records", [1 << 14, 700, 3])
def test_one_that_is_longer_than_a_segment_and_a_record(records: int) -> None:
    sent = hello(VERSIONS + KEY_SHARE + PSK, session_id=bytes(32), records=records)
    assert len(sent) > 1500
    assert read_client_hello(sent + b"more") == ClientHello(size=len(sent), resumes=True)
    without = hello(VERSIONS + KEY_SHARE, session_id=bytes(32), records=records)
    assert read_client_hello(without) == ClientHello(size=len(without), resumes=False)
    for cut in (0, 1, 4, 5, 6, 9, 1400, len(sent) - 1):
        assert read_client_hello(sent[:cut]) is None


@pytest.mark.parametrize(
    ("extensions", "session_id", "resumes", "early"),
    [
        (b"", b"", False, False),
        (b"", b"s", True, False),
        (extension(43, b"\x02\x03\x03"), bytes(32), True, False),
        (VERSIONS, bytes(32), False, False),
        (extension(35, b""), b"", False, False),
        (extension(35, b"ticket"), b"", True, False),
        (VERSIONS + extension(42, b"") + PSK, b"", True, True),
    ],
)
def test_what_is_an_offer(extensions: bytes, session_id: bytes, resumes: bool, early: bool) -> None:
    sent = hello(extensions, session_id=session_id)
    assert read_client_hello(sent) == ClientHello(size=len(sent), resumes=resumes, early_data=early)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 9,
        b"\x16\x03\x01\x00\x00" * 9,
        b"\x17\x03\x03\x00\x40" + bytes(64),
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",  # a ServerHello
        b"\x16\x03\x03\xff\xff" + b"\x01\x00\xff\xfb" + bytes(1 << 16),
        hello(extension(41, b"")[:-1] + b"\x09"),  # longer than what it is in
        hello(PSK)[:-1] + b"\x16",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",  # an empty one
    ],
)
def test_what_is_none(sent: bytes) -> None:
    found = read_client_hello(sent)
    assert found is None or sent.startswith(hello(PSK)[:-1])


@given(st.binary(max_size=400), st.integers(0, 40))
def test_no_bytes_make_it_raise(noise: bytes, kept: int) -> None:
    real = hello(VERSIONS + PSK, session_id=bytes(32))
    for sent in (noise, real[: kept * 10] + noise, real[:kept] + noise + real[kept:]):
        found = read_client_hello(sent)
        assert found is None or 0 < found.size <= len(sent)


@given(st.integers(0, 400), st.integers(0, 255))
def test_no_byte_of_a_real_one_that_is_another_makes_it_raise(place: int, byte: int) -> None:
    sent = bytearray(hello(VERSIONS + PSK, session_id=bytes(32)))
    sent[place % len(sent)] = byte
    read_client_hello(bytes(sent))
