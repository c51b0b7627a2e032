"""Guard mode cookie-local and the host: refused where it would fail, or else only monitoring."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from accel.ebpf import probes
from accel.lab.namespace import Namespace
from accel.v1 import gateway_pb2 as pb
from accel.v1 import guard_pb2, guard_pb2_grpc, model_pb2
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.here import details_of
from tests.support.daemon.objects import backend, service

SET_RIGHT = {"ipv4__tcp_syncookies": 2, "ipv4__tcp_timestamps": 2}
ALWAYS, OFF = model_pb2.GUARD_POLICY_ALWAYS, model_pb2.GUARD_POLICY_OFF


@pytest.fixture(autouse=True)
def _raw_cookies() -> None:
    try:
        probes.syn_cookie()
    except OSError as error:
        pytest.skip(f"this kernel makes no raw SYN cookies: {error.strerror}")


def guard(policy: Any = ALWAYS) -> model_pb2.Guard:
    return model_pb2.Guard(mode=model_pb2.GUARD_MODE_COOKIE_LOCAL, policy=policy)


def local(name: str = "b1", **fields: Any) -> model_pb2.Backend:
    return backend(name, **{"mode": model_pb2.MODE_LOCAL} | fields)


def apply(running: Running, policy: Any = ALWAYS, **options: Any) -> None:
    guarded = service(guard=guard(policy))
    running.stub.Apply(pb.ApplyRequest(services=[guarded], backends=[local()], **options))


def update(running: Running, policy: Any) -> None:
    changed = model_pb2.Service(name="web", guard=guard(policy))
    running.stub.UpdateService(pb.UpdateServiceRequest(service=changed))


def refused(act: Callable[[], object]) -> tuple[str, str]:
    """What FAILED_PRECONDITION said, and all of its details."""
    with pytest.raises(grpc.RpcError) as caught:
        act()
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return caught.value.details(), str(details_of(caught.value))


def verdict(running: Running) -> str:
    request = pb.ExplainRequest(service="web", from_address="10.0.0.9", from_port=4000, syn=True)
    return str(running.stub.Explain(request).verdict)


def status(running: Running) -> guard_pb2.GuardStatus:
    stub = guard_pb2_grpc.GuardServiceStub(running.channel)
    found: guard_pb2.GuardStatus
    (found,) = stub.GetGuardStatus(guard_pb2.GetGuardStatusRequest(service="web")).guards
    return found


def until(true: Callable[[], bool]) -> None:
    """Wait for it, for as long as a busy machine may take."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_wrong_setting_is_refused_before_anything_is_stored(
    acceld: Acceld, network: Namespace
) -> None:
    acceld.prefix = ("nsenter", f"--net={network.path}")
    with acceld.running() as running:
        said, details = refused(lambda: apply(running))
        assert "net.ipv4.tcp_syncookies is 1" in said
        for setting in ("net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"):
            assert setting in details
        refused(lambda: apply(running, validate_only=True))
        refused(
            lambda: running.stub.CreateService(
                pb.CreateServiceRequest(service=service(guard=guard()))
            )
        )
        assert not running.stub.ListServices(pb.ListServicesRequest()).services
        apply(running, OFF)
        refused(lambda: update(running, ALWAYS))
        refused(lambda: update(running, model_pb2.GUARD_POLICY_MONITOR))
        network.sysctl(**SET_RIGHT)
        update(running, ALWAYS)


def test_a_backend_elsewhere_is_refused(acceld: Acceld, network: Namespace) -> None:
    network.sysctl(**SET_RIGHT)
    acceld.prefix = ("nsenter", f"--net={network.path}")
    with acceld.running() as running:
        apply(running)
        elsewhere = pb.CreateBackendRequest(backend=backend("b2", address="10.0.0.2"))
        said, _ = refused(lambda: running.stub.CreateBackend(elsewhere))
        assert "'b2'" in said
        assert "ipip" in said
        update(running, OFF)
        running.stub.CreateBackend(elsewhere)
        refused(lambda: update(running, ALWAYS))
        running.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b2"))
        update(running, ALWAYS)


def test_a_setting_that_goes_wrong_later_keeps_nobody_from_other_changes(
    acceld: Acceld, network: Namespace
) -> None:
    network.sysctl(**SET_RIGHT)
    acceld.prefix = ("nsenter", f"--net={network.path}")
    with acceld.running() as running:
        apply(running)
        network.sysctl(ipv4__tcp_syncookies=1)
        running.stub.CreateBackend(pb.CreateBackendRequest(backend=local("b2", address="10.0.0.2")))
        running.stub.DeleteBackend(pb.DeleteBackendRequest(service="web", name="b2"))
        update(running, OFF)


def test_a_guard_only_monitors_while_a_setting_is_wrong(
    real: Acceld, network: Namespace, folder: Path
) -> None:
    network.sysctl(**SET_RIGHT)
    with real.running() as running:
        apply(running)
        assert verdict(running) == "cookie"
        network.sysctl(ipv4__tcp_syncookies=1)
        until(lambda: verdict(running) == "forward_syn")
        assert "only monitor: " in real.log()
        assert "tcp_syncookies is 1" in status(running).problem
        assert not status(running).answering
        assert "sysctl -w net.ipv4.tcp_syncookies=2" in real.log()
    with real.running() as running:
        assert verdict(running) == "forward_syn", "it is looked at before anything is answered"
        assert real.log().count("only monitor: ") == 2
        network.sysctl(ipv4__tcp_syncookies=2)
        until(lambda: verdict(running) == "cookie")
        assert "answer again" in real.log()
        assert status(running).answering
        assert not status(running).problem
