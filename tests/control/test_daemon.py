"""acceld as a process: start, stop, kill, locks, TLS and what it says."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from accel.v1 import gateway_pb2 as pb
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.objects import backend, service, web


def test_a_restart_keeps_everything(acceld: Acceld) -> None:
    with acceld.running() as first:
        first.stub.Apply(web())
        first.stub.Attach(pb.AttachRequest(interface="lo", mode=pb.XDP_MODE_GENERIC))
        before = first.stub.ListBackends(pb.ListBackendsRequest())
        assert first.terminate() == 0
    assert not acceld.socket.exists()
    with acceld.running() as second:
        assert second.stub.ListBackends(pb.ListBackendsRequest()) == before
        assert second.stub.GetStatus(pb.GetStatusRequest()).attachments == [
            pb.Attachment(interface="lo", xdp_mode="generic")
        ]
        # The log for Watch is kept as well.
        stream = second.stub.Watch(pb.WatchRequest(from_revision=1), timeout=20)
        assert [next(stream).revision for _ in range(3)] == [2, 2, 2]
        stream.cancel()


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15])
def test_kill_in_the_middle_of_apply_leaves_all_or_nothing(acceld: Acceld, delay: float) -> None:
    options = ("--max-backends", "8192")
    request = pb.ApplyRequest(
        services=[service()],
        backends=[backend(f"b{i}", address=f"10.0.{i // 200}.{1 + i % 200}") for i in range(4000)],
    )
    with acceld.running(*options) as first:
        first.stub.Apply(pb.ApplyRequest(services=[service("old", port=1)]))

        def apply() -> None:
            with contextlib.suppress(grpc.RpcError):
                first.stub.Apply(request)

        caller = threading.Thread(target=apply)
        caller.start()
        caller.join(delay)
        first.process.kill()
        first.process.wait()
        caller.join()
    with acceld.running(*options) as second:
        backends = second.stub.ListBackends(pb.ListBackendsRequest())
        services = [s.name for s in second.stub.ListServices(pb.ListServicesRequest()).services]
        assert (services, len(backends.backends), backends.revision) in (
            (["old"], 0, 2),
            (["old", "web"], 4000, 3),
        )


def test_a_second_daemon_is_refused_with_one_line(acceld: Acceld, tmp_path: Path) -> None:
    with acceld.running() as first:
        own = {
            "--state": str(tmp_path / "state.db"),
            "--socket": str(acceld.folder / "other.sock"),
            "--pin-root": str(tmp_path / "pins"),
        }
        for shared in own:
            others = [part for o, path in own.items() if o != shared for part in (o, path)]
            second = acceld.fails(*others)
            assert second.returncode == 7
            assert second.stderr.count("\n") == 1
            assert f"another acceld runs with this {shared}" in second.stderr
            assert "stop it first" in second.stderr
        # The first has not been disturbed.
        first.stub.Apply(web())
        assert acceld.socket.exists()


def test_a_socket_that_a_killed_daemon_left_is_taken_over(acceld: Acceld) -> None:
    with acceld.running() as first:
        first.process.kill()
        first.process.wait()
    assert acceld.socket.exists()
    with acceld.running() as second:
        second.stub.GetStatus(pb.GetStatusRequest())


def test_only_its_group_can_reach_the_socket(acceld: Acceld) -> None:
    with acceld.running():
        assert acceld.socket.stat().st_mode & 0o777 == 0o660
        assert acceld.socket.parent.stat().st_mode & 0o777 == 0o750
        assert acceld.state.parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_though_somebody_watches(
    acceld: Acceld, number: signal.Signals
) -> None:
    with acceld.running() as running:
        stream = running.stub.Watch(pb.WatchRequest(), timeout=20)
        stream.initial_metadata()
        running.process.send_signal(number)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert running.process.wait(timeout=20) == 0
    assert "stopped; what is attached goes on steering" in acceld.log()
    assert "Traceback" not in acceld.log()


def test_health_and_reflection_are_served(acceld: Acceld) -> None:
    with acceld.running() as running:
        health = health_pb2_grpc.HealthStub(running.channel)
        for name in ("", "accel.v1.GatewayService", "accel.v1.HintService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(running.channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflection.ServerReflectionInfo(iter([request]))
        names = {found.name for found in answer.list_services_response.service}
        assert {"accel.v1.GatewayService", "accel.v1.HintService"} <= names


def test_interfaces_are_attached_unless_spoken_of_before(acceld: Acceld) -> None:
    def attached(running: Running) -> list[str]:
        status = running.stub.GetStatus(pb.GetStatusRequest())
        return [attachment.interface for attachment in status.attachments]

    with acceld.running("--interface", "lo", "--xdp-mode", "generic") as first:
        assert attached(first) == ["lo"]
        first.stub.Detach(pb.DetachRequest(interface="lo"))
        first.terminate()
    with acceld.running("--interface", "lo") as second:
        assert attached(second) == []


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--interface", "nic9"), 3, "no interface 'nic9'"),
        (("--max-backends", "1"), 2, "--max-backends: 1 is not from 2"),
        (("--tcp", "127.0.0.1:0"), 2, "mutual TLS only"),
        (("--tls-cert", "x.pem"), 2, "mutual TLS only"),
        (("--socket", "/tmp/" + "x" * 120), 2, "over 107 bytes"),
        (("--state", "/proc/none/state.db"), 7, "cannot make the folder /proc/none"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    acceld: Acceld, options: tuple[str, ...], code: int, text: str
) -> None:
    done = acceld.fails(*options)
    assert done.returncode == code
    assert text in done.stderr
    assert done.stderr.strip().count("\n") <= 1
    assert "Traceback" not in done.stderr


def test_more_than_lowered_limits_hold_is_refused_at_the_start(acceld: Acceld) -> None:
    with acceld.running() as running:
        running.stub.Apply(web())
        running.terminate()
    done = acceld.fails("--max-backends", "2")
    assert done.returncode == 6
    assert "2 backends are more than the limit of 1" in done.stderr
    with acceld.running("--max-backends", "3") as running:
        assert len(running.stub.ListBackends(pb.ListBackendsRequest()).backends) == 2


def test_a_state_file_of_another_schema_is_refused(acceld: Acceld) -> None:
    acceld.state.parent.mkdir(parents=True)
    with sqlite3.connect(acceld.state) as db:
        db.execute("PRAGMA user_version=77")
    done = acceld.fails()
    assert done.returncode == 7
    assert "schema version 77, above " in done.stderr


def test_a_state_file_that_is_none_is_refused(acceld: Acceld) -> None:
    acceld.state.parent.mkdir(parents=True)
    acceld.state.write_text("this is not SQLite" * 100)
    done = acceld.fails()
    assert done.returncode == 7
    assert "cannot open the state file" in done.stderr
    assert "Traceback" not in done.stderr


def test_systemd_is_told_and_the_journal_gets_levels(acceld: Acceld) -> None:
    path = acceld.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(20)
        told = Acceld(
            folder=acceld.folder,
            environment={"NOTIFY_SOCKET": str(path), "JOURNAL_STREAM": "8:1"},
        )
        with told.running() as running:
            assert systemd.recv(100) == b"READY=1"
            running.stub.Apply(web())
            running.terminate()
            assert systemd.recv(100) == b"STOPPING=1"
    lines = told.log().splitlines()
    assert all(line.startswith("<6>") for line in lines)
    assert "<6>revision 2: 3 created" in lines


@pytest.mark.parametrize("may", [True, False])
def test_without_a_raw_socket_it_runs_and_says_what_is_missed(acceld: Acceld, may: bool) -> None:
    if not may:
        acceld.prefix = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw")
    with acceld.running() as running:
        running.stub.Apply(web())
        running.terminate()
    assert acceld.log().count("CAP_NET_RAW is missing: nothing is learned of links") == (not may)


def test_help_names_every_option() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "accel.control.daemon", "--help"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert "--tls-client-ca" in done.stdout
