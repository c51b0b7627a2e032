"""Pushed hints with the real data path, and over TCP with mutual TLS."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc

from accel.lab.namespace import Namespace
from accel.v1 import gateway_pb2, model_pb2
from accel.v1 import hint_pb2 as pb
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.hinted import apply, batch, everything, hint, key, listed, refusal, stub
from tests.support.daemon.objects import backend, web
from tests.support.wire import certificates

CLIENT = "198.51.100.7"


def where(running: Running, client: str = CLIENT, port: int = 40000) -> tuple[str, str]:
    """The backend that a SYN of this client goes to, and what decides it."""
    request = gateway_pb2.ExplainRequest(
        service="web", from_address=client, from_port=port, syn=True
    )
    answer = running.stub.Explain(request)
    return answer.backend, answer.outcome


def all_treated(running: Running) -> None:
    """Nobody is of the holdout group."""
    hints = model_pb2.Hints(holdout=0)
    changed = model_pb2.Service(name="web", hints=hints)
    running.stub.UpdateService(gateway_pb2.UpdateServiceRequest(service=changed))


def test_hints_are_followed_and_survive_kill(real: Acceld, network: Namespace) -> None:
    with real.running("--interface", "in") as first:
        first.stub.Apply(web())
        all_treated(first)
        usual = {port: where(first, port=port)[0] for port in range(40000, 40020)}
        assert set(usual.values()) == {"b1", "b2"}
        apply(
            first, hint(CLIENT, "b2"), hint("198.51.100.0/24", "b1"), batch(["198.51.100.9"], "b2")
        )
        assert {where(first, port=port) for port in usual} == {("b2", "pushed")}
        assert where(first, "198.51.100.8") == ("b1", "prefix")
        before = sorted(everything(first), key=lambda h: h.client)
        first.process.kill()
        first.process.wait()
    with real.running() as second:
        assert second.stub.GetStatus(gateway_pb2.GetStatusRequest()).adopted
        assert "3 hints are pushed" in real.log()
        after = sorted(everything(second), key=lambda h: h.client)
        assert [(h.client, h.backend, h.caller) for h in after] == [
            (h.client, h.backend, h.caller) for h in before
        ]
        assert all(0 < a.left.seconds <= b.left.seconds for a, b in zip(after, before, strict=True))
        assert {where(second, port=port) for port in usual} == {("b2", "pushed")}
        assert where(second, "198.51.100.8") == ("b1", "prefix")
        look = stub(second).LookUpHints(pb.LookUpHintsRequest(service="web", client=CLIENT))
        assert [(known.kind, known.backend, known.refused) for known in look.hints] == [
            (pb.HINT_KIND_PUSHED, "b2", ""),
            (pb.HINT_KIND_PREFIX, "b1", ""),
        ]
        stats = stub(second).GetHintStats(pb.GetHintStatsRequest(service="web")).services[0]
        assert (stats.pushed_hints, stats.prefix_hints) == (2, 1)
        # A backend that is down is passed over; one that is gone takes its hints with it.
        down = model_pb2.Backend(service="web", name="b2", state=model_pb2.BACKEND_STATE_DOWN)
        second.stub.UpdateBackend(gateway_pb2.UpdateBackendRequest(backend=down))
        assert where(second)[0] == "b1"
        assert len(listed(second)) == 3
        second.stub.DeleteBackend(gateway_pb2.DeleteBackendRequest(service="web", name="b2"))
        assert listed(second) == {"198.51.100.0/24": "b1"}
        second.stub.CreateBackend(
            gateway_pb2.CreateBackendRequest(backend=backend("b2", address="10.0.0.2"))
        )
        assert {where(second, port=port) for port in usual} == {("b1", "prefix")}
        apply(second, key("198.51.100.0/24"))
        assert {where(second, port=port)[0] for port in usual} == {"b1", "b2"}
        second.stub.Detach(gateway_pb2.DetachRequest(interface="in"))


def test_keys_of_another_length_are_found_by_the_program(real: Acceld) -> None:
    with real.running() as running:
        running.stub.Apply(web())
        all_treated(running)
        apply(running, hint(CLIENT, "b2"), hint("2001:db8::1", "b2"))
        hints = model_pb2.Hints(key4=24)
        changed = model_pb2.Service(name="web", hints=hints)
        running.stub.UpdateService(gateway_pb2.UpdateServiceRequest(service=changed))
        assert where(running, "198.51.100.99") == ("b2", "pushed")
        assert listed(running) == {CLIENT: "b2", "2001:db8::1": "b2"}
        running.process.kill()
        running.process.wait()
    with real.running() as running:
        assert where(running, "198.51.100.99") == ("b2", "pushed")


def test_over_tls_the_certificate_says_who_it_is(acceld: Acceld, tmp_path: Path) -> None:
    certificates.make(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    read = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    known = grpc.ssl_channel_credentials(read["ca.pem"], read["client.key"], read["client.pem"])
    with acceld.running("--tcp", address, *certificates.of_server(tmp_path)) as running:
        running.stub.Apply(web())
        with grpc.secure_channel(address, known) as channel:
            remote = Running(process=running.process, channel=channel)
            assert apply(remote, hint("10.0.0.1")).set == 1
            assert apply(remote, hint("10.0.0.2"), caller="client").set == 1
            assert refusal(lambda: apply(remote, hint("10.0.0.3"), caller="local")) == (
                "INVALID_ARGUMENT",
                "caller",
            )
        apply(running, hint("10.0.0.4"))
        assert {h.client: h.caller for h in everything(running)} == {
            "10.0.0.1": "client",
            "10.0.0.2": "client",
            "10.0.0.4": "local",
        }
