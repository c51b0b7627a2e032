"""The lab itself: what it builds works, and it is gone afterwards however it ends."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from accel.lab import Lab, Topology
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import curl

FOLDER = Path("/run/netns")

BUILD_AND_WAIT = """
import ipaddress, sys, time
from accel.lab import Lab, Topology
with Lab(Topology(near=1, far=0)) as lab:
    lab.serve([ipaddress.ip_address("198.51.100.1")])
    print("up", flush=True)
    time.sleep(60)
"""


def left_behind(pid: int) -> list[str]:
    temporary = Path(tempfile.gettempdir())
    return [path.name for folder in (FOLDER, temporary) for path in folder.glob(f"accel-{pid}.*")]


def started() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD_AND_WAIT], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    assert left_behind(process.pid)
    return process


@pytest.mark.parametrize("version", [4, 6])
def test_every_backend_serves_http_and_https(version: int) -> None:
    with Lab(Topology(near=1, far=1)) as lab:
        service = ipaddress.ip_address("198.51.100.1" if version == 4 else "2001:db8:5e::1")
        lab.serve([service])
        for host in lab.backends:
            lab.router.run(
                ["ip", "route", "replace", str(service), "via", str(host.address(version))]
            )
            name = f"[{service}]" if version == 6 else str(service)
            urls = [f"{scheme}://{name}/{path}" for scheme in ("http", "https") for path in "1"]
            urls += [f"http://{name}/1m", f"https://{name}/1k"]
            answers = curl(lab.client, urls)
            assert [a.error for a in answers] == [""] * len(urls)
            assert {a.backend for a in answers} == {host.name}
            assert sorted(a.size for a in answers) == [1, 1, 1024, 1 << 20]
            with KeptFlows(host=lab.client, address=service, count=3) as kept:
                assert kept.of(host.name) == kept.flows


def test_a_failed_request_is_an_answer_with_an_error() -> None:
    with Lab(Topology(near=1, far=0)) as lab:
        lab.serve([ipaddress.ip_address("198.51.100.1")])
        service = lab.backends[0].ipv4
        (answer,) = curl(lab.client, [f"http://{service}:81/"])
        assert "connect" in answer.error


def test_a_missing_page_is_an_error() -> None:
    with Lab(Topology(near=1, far=0)) as lab:
        lab.serve([lab.backends[0].ipv4])
        (answer,) = curl(lab.client, [f"http://{lab.backends[0].ipv4}/nothing"])
        assert answer.error == "HTTP 404"


def test_nothing_is_left_after_an_exception() -> None:
    before = left_behind(os.getpid())
    lab = Lab(Topology(near=1, far=0))
    lab.serve([ipaddress.ip_address("198.51.100.1")])
    processes = [p for host in lab.backends for p in host.namespace.processes]
    folder = lab.folder
    with pytest.raises(RuntimeError), lab:
        raise RuntimeError
    assert left_behind(os.getpid()) == before
    assert processes
    assert all(p.returncode is not None for p in processes)
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_after_a_signal(number: signal.Signals) -> None:
    process = started()
    process.send_signal(number)
    process.communicate()
    assert process.returncode
    assert left_behind(process.pid) == []


def test_what_a_killed_process_left_is_swept() -> None:
    process = started()
    process.kill()
    process.communicate()
    assert left_behind(process.pid)
    swept = Lab.sweep()
    assert {f"accel-{process.pid}.1-router", f"accel-{process.pid}.1-b1"} <= set(swept)
    assert left_behind(process.pid) == []


def test_a_lab_in_use_is_not_swept() -> None:
    with Lab(Topology(near=0, far=0)) as lab:
        assert lab.client.namespace.name not in Lab.sweep()
        assert lab.client.namespace.path.exists()


def test_a_narrow_link_is_narrow() -> None:
    with Lab(Topology(near=0, far=1, far_mtu=1400)) as lab:
        far = lab.far[0]
        assert far.namespace.netlink.get_links(far.namespace.index("eth0"))[0].get("mtu") == 1400


@pytest.mark.parametrize("version", [4, 6])
def test_a_home_is_behind_a_router_with_one_address(version: int) -> None:
    with Lab(Topology(homes=2, near=0, far=1)) as lab:
        far = lab.far[0]
        with far.namespace.entered():
            listener = socket.create_server(
                (str(far.address(version)), 80),
                family=socket.AF_INET if version == 4 else socket.AF_INET6,
            )
        outside = lab.segments[0].addresses(250)[0 if version == 4 else 1]
        for home in lab.homes:
            with home.namespace.entered():
                connection = socket.create_connection((str(far.address(version)), 80), timeout=5)
            accepted, peer = listener.accept()
            assert peer[0] == str(outside)
            accepted.close()
            connection.close()
        listener.close()
