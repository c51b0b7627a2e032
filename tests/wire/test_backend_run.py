"""`accel backend run` on a backend's host: what it lets in, and what is left of it afterwards."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from accel.lab import INTERFACE, Lab, Topology, unwrap
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.backend import Mode
from tests.support.wire.steering import SERVICE, a_service, errors, its_backends, url


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Lab(Topology(near=0, far=1)) as lab:
        lab.serve([SERVICE[4]])
        service = a_service(4)
        with Daemon(lab) as daemon:
            daemon.apply([service], its_backends(service, lab.far, Mode.IPIP))
            yield Network(lab=lab, daemon=daemon)


def program(lab: Lab) -> str:
    """What `ip link` says of XDP on the backend's interface."""
    shown = lab.far[0].namespace.run(["ip", "link", "show", "dev", INTERFACE]).stdout
    return " ".join(re.findall(r"prog/\S+|xdp\w*", shown))


def test_it_unwraps_until_it_is_told_to_end(network: Network) -> None:
    lab = network.lab
    before = curl(lab.client, [url(SERVICE[4])], timeout=0.5)
    assert before[0].error, "nothing but the program unwraps here"
    (process,) = unwrap.start(lab.far, interface=INTERFACE, allow=[str(lab.gateway.ipv4)])
    assert "xdp" in program(lab)
    assert errors(curl(lab.client, [url(SERVICE[4])] * 20)) == {}
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 0
    assert re.search(r"unwrapped: \d{2,} packets", said)
    assert program(lab) == ""


def test_a_source_that_was_not_allowed_is_refused(network: Network) -> None:
    lab = network.lab
    (process,) = unwrap.start(lab.far, interface=INTERFACE, allow=["192.0.2.0/24", "fd00::/16"])
    (answer,) = curl(lab.client, [url(SERVICE[4])], timeout=0.5)
    assert answer.error
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 0
    assert re.search(r"source_refused: \d+ packets", said)
    assert "unwrapped" not in said


def test_an_address_that_comes_later_is_found(network: Network) -> None:
    lab, host = network.lab, network.lab.far[0]
    host.namespace.run(["ip", "address", "del", f"{host.ipv4}/24", "dev", INTERFACE])
    (process,) = unwrap.start(lab.far, interface=INTERFACE, allow=[str(lab.gateway.ipv4)])
    host.namespace.run(["ip", "address", "add", f"{host.ipv4}/24", "dev", INTERFACE])
    host.namespace.run(["ip", "route", "add", "default", "via", str(host.segment.ipv4[1])])
    assert process.stderr is not None
    assert str(host.ipv4) in process.stderr.readline()
    assert errors(curl(lab.client, [url(SERVICE[4])] * 20)) == {}
    process.send_signal(signal.SIGTERM)
    process.communicate()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--interface", "nowhere0", "--allow", "10.0.0.0/8"], 3, "nowhere0"),
        (["--interface", INTERFACE, "--allow", "10.0.0.1/8"], 2, "allow[0]"),
        (["--interface", INTERFACE, "--allow", "10.0.0.0/8", "--gue-port", "0"], 2, "--gue-port"),
    ],
)
def test_bad_arguments(network: Network, arguments: list[str], code: int, said: str) -> None:
    command = [*unwrap.COMMAND, *arguments]
    done = network.lab.far[0].namespace.run(command, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert program(network.lab) == ""
