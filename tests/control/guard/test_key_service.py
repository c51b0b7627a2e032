"""The guard's keys over gRPC: what KeyService tells, and a backend that follows them."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from accel.backend.cookie_acceptor import CookieKeys
from accel.backend.key_stream import KeyStream, keys_of
from accel.client.channel import Certificates
from accel.errors import HostError
from accel.model.guard_secret import COOKIE, derive_key, keys_around, read_secret
from accel.v1 import keys_pb2 as pb
from accel.v1 import keys_pb2_grpc
from tests.support.daemon.acceld import Acceld
from tests.support.wire import certificates

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Followed:
    """A KeyStream, and what it told."""

    def __init__(self, address: str, pems: Path, name: str = "client") -> None:
        self.told: queue.Queue[CookieKeys] = queue.Queue()
        files = Certificates(
            certificate=pems / f"{name}.pem", key=pems / f"{name}.key", authority=pems / "ca.pem"
        )
        self.stream = KeyStream(address, files, self.told.put)

    def next(self) -> CookieKeys:
        return self.told.get(timeout=20)


@pytest.fixture
def daemon(acceld: Acceld, pems: Path, address: str, tmp_path: Path) -> list[str]:
    """The options by which acceld tells keys of SECRET that last for 2 seconds."""
    path = tmp_path / "secret"
    path.write_text(SECRET.hex())
    secret = ["--guard-secret", f"{path}", "--key-period", "2"]
    return ["--tcp", address, *certificates.of_server(pems), *secret]


@pytest.fixture
def followed(address: str, pems: Path) -> Iterator[Followed]:
    made = Followed(address, pems)
    yield made
    made.stream.close()


def test_keys_are_told_and_roll(acceld: Acceld, daemon: list[str], followed: Followed) -> None:
    with acceld.running(*daemon) as running:
        first, second = followed.next(), followed.next()
        assert second.generation == first.generation + 1
        for keys in (first, second):
            assert keys.keys == keys_around(SECRET, COOKIE, keys.generation)
        assert running.terminate() == 0


def test_it_connects_again(
    acceld: Acceld, daemon: list[str], followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with acceld.running(*daemon):
        before = followed.next()
        caplog.clear()
    with acceld.running(*daemon):
        after = followed.next()
        while "again" not in caplog.text:
            after = followed.next()
        warned = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert after.generation >= before.generation
    assert warned
    assert all("those at hand stay" in message for message in warned)


def test_a_stranger_is_told_nothing(
    acceld: Acceld, daemon: list[str], address: str, pems: Path
) -> None:
    with acceld.running(*daemon):
        stranger = Followed(address, pems, "stranger")
        try:
            with pytest.raises(queue.Empty):
                stranger.told.get(timeout=1)
        finally:
            stranger.stream.close()
        with grpc.insecure_channel(address) as plain:
            stub = keys_pb2_grpc.KeyServiceStub(plain)
            call = stub.WatchGuardKeys(pb.WatchGuardKeysRequest(), timeout=20)
            with pytest.raises(grpc.RpcError) as caught:
                next(call)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_the_secret_is_kept_over_a_restart(acceld: Acceld) -> None:
    told = []
    for _ in range(2):
        with acceld.running("--key-period", "86400") as running:
            stub = keys_pb2_grpc.KeyServiceStub(running.channel)
            call = stub.WatchGuardKeys(pb.WatchGuardKeysRequest(), timeout=20)
            told.append(keys_of(next(call)))
            call.cancel()
    secret = read_secret(acceld.state.with_name("guard-secret"))
    assert [keys.keys for keys in told] == [
        keys_around(secret, COOKIE, keys.generation) for keys in told
    ]


def test_streams_do_not_keep_the_daemon_from_ending(acceld: Acceld) -> None:
    with acceld.running() as running:
        stub = keys_pb2_grpc.KeyServiceStub(running.channel)
        call = stub.WatchGuardKeys(pb.WatchGuardKeysRequest(), timeout=60)
        next(call)
        ended = threading.Thread(target=running.terminate)
        ended.start()
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        ended.join()
    assert caught.value.details() == "the daemon stops"


def test_keys_of_other_generations_are_refused() -> None:
    answer = pb.WatchGuardKeysResponse(generation=9)
    for generation in (8, 9, 10, 12):
        answer.cookie_keys.add(generation=generation, key=bytes(16))
    with pytest.raises(ValueError, match="other generations"):
        keys_of(answer)
    answer.cookie_keys[3].generation = 11
    answer.cookie_keys[3].key = bytes(15)
    with pytest.raises(ValueError, match="15 bytes"):
        keys_of(answer)
    answer.cookie_keys[3].key = bytes(15) + b"\1"
    assert keys_of(answer).keys[11 % 4] == (0, 1 << 56)
    assert derive_key(SECRET, COOKIE, 9) not in keys_of(answer).keys


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.pem"
    with pytest.raises(HostError, match=r"cannot read .*nowhere.pem"):
        Certificates(certificate=nowhere, key=nowhere, authority=nowhere).credentials()
