"""Prefixes over time: they expire, guards go by them, restarts restore them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from ipaddress import ip_network

from accel.datapath.guard.actions import Level, Rule
from accel.lab.namespace import Namespace
from accel.v1 import gateway_pb2
from accel.v1 import prefix_pb2 as pb
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.here import Here
from tests.support.daemon.objects import backend, service
from tests.support.daemon.prefixes import ALLOW, DENY, READ, TEXT, add, listed, load, prefix, stub


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_expires_goes(here: Here) -> None:
    add(here, prefix("10.0.0.0/8", ttl={"seconds": 1}), prefix("11.0.0.0/8", ttl={"seconds": 9999}))
    assert len(here.data_path.prefixes) == 2
    eventually(lambda: listed(here) == ["deny 11.0.0.0/8"])
    assert list(here.data_path.prefixes) == [ip_network("11.0.0.0/8")]


def test_guards_go_by_prefixes_while_there_are_any(here: Here) -> None:
    here.stub.CreateService(gateway_pb2.CreateServiceRequest(service=service()))
    (index,) = here.data_path.steering.services

    def level() -> Level:
        stance = here.data_path.guards.stances.get(index)
        return stance.levels.get(Rule.PREFIX, Level.OFF) if stance else Level.OFF

    assert level() is Level.OFF
    add(here, prefix("10.0.0.0/8"))
    assert level() is Level.ON
    load(here, replace=True)
    assert level() is Level.OFF


def test_a_restart_restores(acceld: Acceld) -> None:
    with acceld.running() as running:
        load(running, TEXT, default_action=DENY)
        add(running, prefix("10.0.0.0/8", ttl={"seconds": 1}))
        running.process.kill()
        running.process.wait()
    time.sleep(1)
    with acceld.running() as running:
        assert listed(running) == READ
    assert "3 prefixes are allowed or denied" in acceld.log()


def test_a_smaller_limit_is_told(acceld: Acceld) -> None:
    with acceld.running() as running:
        load(running, TEXT, default_action=DENY)
        running.terminate()
    done = acceld.fails("--max-prefixes", "2")
    assert done.returncode == 6
    assert "3 prefixes are more than the limit of 2 (raise it with --max-prefixes" in done.stderr


def test_packets_of_the_real_data_path(real: Acceld) -> None:
    def verdict(running: Running, source: str) -> str:
        request = gateway_pb2.ExplainRequest(
            from_address=source, from_port=4000, service="web", syn=True
        )
        answer = running.stub.Explain(request)
        if answer.verdict == "denied":
            assert "198.51.100.0/24 is the longest" in "\n".join(answer.steps)
        return str(answer.verdict)

    with real.running() as running:
        running.stub.CreateService(gateway_pb2.CreateServiceRequest(service=service()))
        running.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend()))
        assert verdict(running, "198.51.100.7") == "forward_syn"
        load(running, b"deny 198.51.100.0/24\nallow 198.51.100.8\n")
        assert verdict(running, "198.51.100.7") == "denied"
        assert verdict(running, "198.51.100.8") == "forward_syn"
        running.process.kill()
        running.process.wait()
    with real.running() as running:
        assert running.stub.GetStatus(gateway_pb2.GetStatusRequest()).adopted
        assert "2 prefixes are allowed or denied, 0 writes" in real.log()
        assert verdict(running, "198.51.100.7") == "denied"
        load(running, replace=True)
        assert verdict(running, "198.51.100.7") == "forward_syn"


def test_what_is_attached_searches_while_there_is_something_to_find(
    real: Acceld, network: Namespace
) -> None:
    def attached() -> str:
        """The name of the program on `in`."""
        shown = network.run(["ip", "-json", "-details", "link", "show", "in"]).stdout
        return str(json.loads(shown)[0]["xdp"]["prog"]["name"])

    with real.running("--interface", "in") as running:
        assert attached() == "gateway"
        add(running, prefix("198.51.100.0/24"))
        assert attached() == "gateway_prefix"
        add(running, prefix("198.51.100.7", ALLOW))
        running.process.kill()
        running.process.wait()
    assert attached() == "gateway_prefix"
    with real.running() as running:
        assert attached() == "gateway_prefix"
        running.stub.Attach(gateway_pb2.AttachRequest(interface="out"))
        calls = stub(running)
        calls.RemovePrefixes(pb.RemovePrefixesRequest(prefixes=["198.51.100.7"]))
        assert attached() == "gateway_prefix"
        calls.RemovePrefixes(pb.RemovePrefixesRequest(prefixes=["198.51.100.0/24"]))
        assert attached() == "gateway"
