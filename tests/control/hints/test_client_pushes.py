"""HintClient against the daemon: what it pushes is listed, what is refused is named."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from accel.client.channel import Certificates
from accel.client.hint_client import HintClient
from accel.errors import InvalidError
from tests.support.daemon.acceld import Acceld
from tests.support.daemon.here import Here
from tests.support.daemon.hinted import everything, listed
from tests.support.daemon.objects import web
from tests.support.wire import certificates

MANY = [ip_address((10 << 24) + i) for i in range(40_000)]


def test_hints_are_pushed_refused_and_removed(here: Here) -> None:
    here.stub.Apply(web())
    with HintClient(here.socket, caller="sessions") as gateway:
        done = gateway.push(
            "web",
            {
                "198.51.100.7": "b1",
                ip_address("198.51.100.8"): "nobody",
                ip_network("203.0.113.0/24"): "b2",
                "2001:db8:1::1": "b2",
                "2001:db8:2::/48": "nobody",
            },
            lifetime=600,
        )
        assert (done.set, done.failed) == (3, 2)
        refused = {each.client: each for each in done.errors}
        assert set(refused) == {"198.51.100.8", "2001:db8:2::/48"}
        assert {each.reason for each in refused.values()} == {"NOT_FOUND"}
        assert all("nobody" in each.message for each in refused.values())
        hints = everything(here)
        assert {(h.client.split("/")[0], h.backend) for h in hints} == {
            ("198.51.100.7", "b1"),
            ("203.0.113.0", "b2"),
            ("2001:db8:1::1", "b2"),
        }
        assert {h.caller for h in hints} == {"sessions"}
        assert {h.left.seconds for h in hints} <= {599, 600}
        again = gateway.remove("web", ["198.51.100.7", "203.0.113.0/24", "192.0.2.99"])
        assert again.removed == 2
        assert set(listed(here).values()) == {"b2"}


def test_a_service_that_is_not_there(here: Here) -> None:
    with HintClient(here.socket) as gateway:
        done = gateway.push("nothing", {"198.51.100.7": "b1"})
    assert done.failed == 1
    assert done.errors[0].reason == "NOT_FOUND"


def test_a_daemon_that_comes_back_is_told_all(acceld: Acceld) -> None:
    with acceld.running() as first:
        first.stub.Apply(web())
        first.terminate()
    told: list[int] = []
    with HintClient(acceld.socket, seconds=60) as gateway:
        push = threading.Thread(
            target=lambda: told.append(gateway.push("web", dict.fromkeys(MANY, "b1")).set)
        )
        push.start()
        with acceld.running() as second:
            push.join()
            assert told == [len(MANY)]
            assert len(everything(second)) == len(MANY)


def test_by_tls_the_caller_is_the_certificates(acceld: Acceld, tmp_path: Path) -> None:
    pems = certificates.make(tmp_path)
    files = Certificates(
        certificate=pems / "client.pem", key=pems / "client.key", authority=pems / "ca.pem"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = ["--tcp", address, *certificates.of_server(pems)]
    with acceld.running(*options) as running:
        running.stub.Apply(web())
        with HintClient(address, certificates=files) as gateway:
            assert gateway.push("web", {"198.51.100.7": "b1"}).set == 1
        (hint,) = everything(running)
        assert hint.caller == "client"
        with (
            HintClient(address, certificates=files, caller="other") as gateway,
            pytest.raises(InvalidError, match="certificate's common name"),
        ):
            gateway.push("web", {"198.51.100.7": "b1"})
