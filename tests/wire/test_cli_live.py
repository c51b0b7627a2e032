"""The command line beside real traffic: what it says of it is what happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from accel.cli.main import main
from accel.lab import Lab, Topology
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from tests.support.wire.steering import SERVICE, spread, url

Accel = Callable[..., str]


@pytest.fixture(scope="module")
def daemon() -> Iterator[tuple[Lab, Daemon]]:
    with Lab(Topology(clients=1, near=0, far=2)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        with Daemon(lab) as running:
            yield lab, running


@pytest.fixture
def accel(daemon: tuple[Lab, Daemon], capsys: pytest.CaptureFixture[str]) -> Accel:
    def run(*arguments: str, code: int = 0) -> str:
        got = main(["--socket", str(daemon[1].socket), *arguments])
        out, err = capsys.readouterr()
        assert got == code, f"exit {got}: {out}{err}"
        return out

    return run


def test_from_a_file_to_traffic_and_back(daemon: tuple[Lab, Daemon], accel: Accel) -> None:
    lab, _ = daemon
    file = lab.folder / "gateway.yaml"
    backends = [{"name": host.name, "address": str(host.address(4))} for host in lab.far]
    service = {"name": "api", "address": str(SERVICE[4]), "port": 80, "backends": backends}
    file.write_text(json.dumps({"services": [service]}))
    accel("diff", "-f", str(file), code=10)
    accel("apply", "-f", str(file))
    accel("diff", "-f", str(file))
    _wait_until_ready(accel)

    # What explain says of a connection is where it goes.
    first, second = (host.name for host in lab.far)
    port = 40001
    to = ("--from", f"{lab.client.address(4)}:{port}", "--to", "api", "--syn", "-o", "json")
    told = json.loads(accel("explain", *to))
    assert told["verdict"] == "forward_syn"
    left = Ether(bytes.fromhex(told["packet_out"]))
    assert str(left[IP].dst) == told["backend"]["address"]
    answers = curl(lab.client, [url(SERVICE[4])] * 40)
    assert set(spread(answers)) == {first, second}
    done = lab.client.namespace.run(["curl", "-s", "--local-port", str(port), url(SERVICE[4])])
    assert done.stdout == told["backend"]["name"] + "\n"
    known = json.loads(accel("explain", *(word for word in to if word != "--syn")))
    assert known["known_flow"] is True
    assert known["backend"]["name"] == told["backend"]["name"]

    stats = _backends(accel)
    assert sum(backend["known_flows"] for backend in stats.values()) >= 41
    assert all(_packets(backend) > 0 for backend in stats.values())

    # A drained backend gets nothing new.
    accel("drain", f"api/{first}")
    before = _packets(_backends(accel)[first])
    assert set(spread(curl(lab.client, [url(SERVICE[4])] * 40))) == {second}
    assert _packets(_backends(accel)[first]) == before
    assert "drain" in accel("drain", f"api/{first}", "--wait", "0", code=10)
    accel("backend", "remove", f"api/{first}")
    assert list(_backends(accel)) == [second]
    assert set(spread(curl(lab.client, [url(SERVICE[4])] * 10))) == {second}


def _wait_until_ready(accel: Accel) -> None:
    """Until all backends have a next hop; the test's time limit is the end of patience."""
    while not all(b["next_hop"]["resolved"] for b in _listed(accel)):
        pass


def _listed(accel: Accel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(accel("backend", "list", "-o", "json"))["backends"]
    return found


def _backends(accel: Accel) -> dict[str, dict[str, Any]]:
    (service,) = json.loads(accel("stats", "api", "-o", "json"))["services"]
    return {backend["backend"]: backend for backend in service["backends"]}


def _packets(backend: dict[str, Any]) -> int:
    return sum(count["packets"] for count in backend["counts"])
