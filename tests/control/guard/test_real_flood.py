"""Policy auto with the real data path: a flood, a daemon that is killed in it, and its end."""

from __future__ import annotations

import ipaddress
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from accel.datapath import frame
from accel.lab.namespace import Namespace
from accel.model.address import parse_address
from accel.model.service import Protocol
from accel.v1 import gateway_pb2 as pb
from accel.v1 import guard_pb2, guard_pb2_grpc, model_pb2
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.objects import web

AUTO = model_pb2.Guard(policy=model_pb2.GUARD_POLICY_AUTO, on_rate=500, hold=1)
CROWD = ipaddress.ip_network("198.18.7.0/24")  # half of the flood is from there


def frames() -> Iterator[bytes]:
    for n in itertools.count():
        source = CROWD[1 + n % 250] if n % 2 else ipaddress.ip_address(0x64400000 + 997 * n % 2**22)
        yield frame.build(
            source=source,
            source_port=1024 + n % 60_000,
            destination=parse_address("192.0.2.1", ""),
            destination_port=443,
            protocol=Protocol.TCP,
            syn=True,
        )


@contextmanager
def flood(network: Namespace) -> Iterator[None]:
    """SYNs into the interface that the gateway is attached to, as fast as Python sends them."""
    with network.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind(("out", 0))
    end = threading.Event()
    built = list(itertools.islice(frames(), 5000))

    def send() -> None:
        for packet in itertools.cycle(built):
            if end.is_set():
                return
            sender.send(packet)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        sender.close()


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)


def verdict(running: Running) -> str:
    request = pb.ExplainRequest(
        service="web", from_address="203.0.113.7", from_port=40_000, syn=True
    )
    return str(running.stub.Explain(request).verdict)


def status(running: Running) -> Any:
    stub = guard_pb2_grpc.GuardServiceStub(running.channel)
    (found,) = stub.GetGuardStatus(guard_pb2.GetGuardStatusRequest(service="web")).guards
    return found


def attacks(running: Running) -> Iterator[Any]:
    stream = running.stub.Watch(pb.WatchRequest(), timeout=60)
    stream.initial_metadata()
    return (event.attack for event in stream if event.HasField("attack"))


def test_an_attack_from_its_start_over_a_kill_to_its_end(real: Acceld, network: Namespace) -> None:
    with guarded(real, network) as first:
        assert verdict(first) == "forward_syn"
        told = attacks(first)
        with flood(network):
            begun = next(told)
            assert (begun.service, begun.started, begun.monitored) == ("web", True, False)
            until(lambda: verdict(first) == "challenged", "a challenge")
            until(lambda: status(first).rates.challenged > 500, "the rate")
            stub = guard_pb2_grpc.GuardServiceStub(first.channel)
            request = guard_pb2.ListGuardSamplesRequest(service="web", limit=1000)
            until(lambda: stub.ListGuardSamples(request).samples, "a sample")
            sample = stub.ListGuardSamples(request).samples[0]
            assert (sample.verdict, sample.destination) == ("challenged", "192.0.2.1")
            assert (sample.destination_port, sample.tcp_flags) == (443, 2)
            until(
                lambda: [s.prefix for s in status(first).sources][:1] == [str(CROWD)],
                "the crowd's prefix as the first source",
            )
            first.process.kill()
            first.process.wait()
            with real.running("--key-period", "2") as second:
                assert status(second).state == guard_pb2.GUARD_STATE_ATTACK
                assert verdict(second) == "challenged"
                until(lambda: status(second).rates.challenged > 500, "the rate")
                second.process.kill()
                second.process.wait()
        with real.running("--key-period", "2") as third:
            until(lambda: status(third).state == guard_pb2.GUARD_STATE_QUIET, "the end")
            assert "service web is not under attack any more" in real.log()
            assert verdict(third) == "forward_syn"


@contextmanager
def guarded(real: Acceld, network: Namespace) -> Iterator[Running]:
    """A gateway whose service is guarded."""
    with real.running("--interface", "in", "--key-period", "2") as running:
        running.stub.Apply(web())
        wanted = model_pb2.Service(name="web", guard=AUTO)
        running.stub.UpdateService(pb.UpdateServiceRequest(service=wanted))
        yield running
