"""Hints with the real data path: what is configured is done, counted, and outlives the daemon."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from accel.datapath import frame
from accel.lab.namespace import Namespace
from accel.model.address import parse_address
from accel.model.service import Protocol
from accel.v1 import gateway_pb2 as pb
from accel.v1 import hint_pb2, hint_pb2_grpc, model_pb2
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.objects import backend, service, web

FLOWS = 200
UDP = model_pb2.PROTOCOL_UDP


def built(protocol: Protocol, client: int, *, syn: bool = False, payload: bytes = b"") -> bytes:
    return frame.build(
        source=parse_address(f"198.51.{client >> 8}.{client & 255}", ""),
        source_port=40_000 + client,
        destination=parse_address("192.0.2.1", ""),
        destination_port=443,
        protocol=protocol,
        syn=syn,
        payload=payload,
    )


def send(network: Namespace, frames: Sequence[bytes]) -> None:
    """Into the interface that the gateway is attached to."""
    with network.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind(("out", 0))
    with sender:
        for each in frames:
            sender.send(each)


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)


def stats(running: Running, name: str) -> Any:
    stub = hint_pb2_grpc.HintServiceStub(running.channel)
    (found,) = stub.GetHintStats(hint_pb2.GetHintStatsRequest(service=name)).services
    return found


def decided(running: Running, name: str) -> dict[str, int]:
    return {o.outcome: o.flows for o in stats(running, name).outcomes}


def forwarded(running: Running, name: str) -> int:
    (found,) = running.stub.GetStats(pb.GetStatsRequest(service=name)).services
    return sum(v.packets for b in found.backends for v in b.verdicts)


def explain(running: Running, port: int, name: str = "web") -> Any:
    request = pb.ExplainRequest(service=name, from_address="198.51.0.9", from_port=port, syn=True)
    return running.stub.Explain(request)


def hinted(running: Running, name: str = "web", **fields: Any) -> None:
    wanted = model_pb2.Service(name=name, hints=model_pb2.Hints(**fields))
    running.stub.UpdateService(pb.UpdateServiceRequest(service=wanted))


def test_outcomes_add_up_to_the_new_flows(real: Acceld, network: Namespace) -> None:
    """Over TCP and UDP, of a service that follows hints while others have none."""
    with real.running("--interface", "in") as running:
        running.stub.Apply(web())
        running.stub.CreateService(pb.CreateServiceRequest(service=service("dgram", protocol=UDP)))
        for name in ("b1", "b2"):
            made = backend(name, service="dgram", address=f"10.0.0.{name[1]}")
            running.stub.CreateBackend(pb.CreateBackendRequest(backend=made))
        for name in ("web", "dgram"):
            hinted(running, name, affinity=model_pb2.AFFINITY_CLIENT, holdout=25, bound=0)
        opened = [built(Protocol.TCP, n, syn=True) for n in range(FLOWS)]
        known = [built(Protocol.TCP, n) for n in range(FLOWS)]
        send(network, [*opened, *known, *known])
        send(network, [built(Protocol.UDP, n) for n in range(FLOWS)] * 2)
        until(lambda: forwarded(running, "web") == 3 * FLOWS, "all of TCP")
        until(lambda: forwarded(running, "dgram") == 2 * FLOWS, "all of UDP")
        for name in ("web", "dgram"):
            counted = decided(running, name)
            assert counted.keys() == {"base", "holdout"}
            assert sum(counted.values()) == FLOWS
            assert FLOWS / 8 < counted["holdout"] < FLOWS / 2


def test_the_client_decides_and_a_killed_daemon_s_heir_agrees(
    real: Acceld, network: Namespace
) -> None:
    with real.running("--interface", "in") as first:
        first.stub.Apply(web())
        assert {explain(first, port).backend for port in range(1000, 1040)} == {"b1", "b2"}
        hinted(first, affinity=model_pb2.AFFINITY_CLIENT, holdout=0)
        answer = explain(first, 1000)
        assert (answer.outcome, answer.known_flow) == ("base", False)
        assert any("The hash of its client is slot" in step for step in answer.steps)
        where = {explain(first, port).backend for port in range(1000, 1040)}
        assert len(where) == 1
        first.process.kill()
        first.process.wait()
        with real.running() as second:
            assert {explain(second, port).backend for port in range(1000, 1040)} == where
            assert not real.log().count("Traceback")


def test_server_ids_lead_what_has_moved(real: Acceld, network: Namespace) -> None:
    forms = model_pb2.QuicIds(
        forms=[model_pb2.QuicId(rotation=1, server_id_length=3, nonce_length=4)]
    )
    wanted = {}
    with real.running("--interface", "in") as first:
        hints = model_pb2.Hints(quic=forms)
        first.stub.CreateService(
            pb.CreateServiceRequest(service=service(protocol=UDP, hints=hints))
        )
        for name, ident in (("b1", b"\x01\x02\x03"), ("b2", b"\x0a\x0b\x0c")):
            ids = model_pb2.ServerIds(ids=[model_pb2.ServerId(rotation=1, id=ident)])
            made = backend(name, address=f"10.0.0.{name[1]}", server_ids=ids)
            first.stub.CreateBackend(pb.CreateBackendRequest(backend=made))
            wanted[ident] = name
        assert led(first, wanted) == wanted
        first.process.kill()
        first.process.wait()
        with real.running() as second:
            assert led(second, wanted) == wanted
            # They change places, in one write: no id is nobody's or another's afterwards.
            current = second.stub.ListBackends(pb.ListBackendsRequest())
            one, other = current.backends
            one_ids, other_ids = model_pb2.ServerIds(), model_pb2.ServerIds()
            one_ids.CopyFrom(one.server_ids)
            other_ids.CopyFrom(other.server_ids)
            one.server_ids.CopyFrom(other_ids)
            other.server_ids.CopyFrom(one_ids)
            services = second.stub.ListServices(pb.ListServicesRequest()).services
            second.stub.Apply(pb.ApplyRequest(services=services, backends=[one, other]))
            swapped = {b"\x01\x02\x03": "b2", b"\x0a\x0b\x0c": "b1"}
            assert led(second, swapped) == swapped
            second.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b2"))
            assert led(second, [b"\x01\x02\x03"]) == {b"\x01\x02\x03": "b1"}


def led(running: Running, idents: Any) -> dict[bytes, str]:
    """Where packets with short headers go, which a client sends from another address."""
    found = {}
    for ident in idents:
        cid = bytes([1 << 5 | 7]) + ident + b"nonc"
        packet = built(Protocol.UDP, 77, payload=b"\x43" + cid + bytes(24))
        answer = running.stub.Explain(pb.ExplainRequest(frame=packet))
        assert not answer.known_flow
        found[ident] = answer.backend
        gone = answer.outcome == "cid_unroutable"
        assert gone or [hint.backend for hint in answer.hints] == [answer.backend]
    return found
