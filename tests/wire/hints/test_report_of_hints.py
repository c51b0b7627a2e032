"""Real TLS clients through a gateway that samples all flows: two groups, each flow in its own."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from accel.cli.main import main
from accel.ebpf.source import read_constants
from accel.lab import Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.hosts import INTERFACE
from accel.model.backend import Mode
from accel.model.hints import Hints, Learn
from accel.model.results.hint_report import HintReport
from tests.support.wire.steering import SERVICE, a_service, its_backends

CLIENTS, RETURNS = 24, 2
PATIENCE = 60.0  # seconds
HINTS = Hints(learn=Learn.ALL, holdout=50, sample=100, bound=0)
KEY = [read_constants("lib/hash.h")[f"RING_KEY_{i}"] for i in range(7)]


def is_held_out(client: IPv4Address) -> bool:
    """By PREFIX_SUM of bpf/lib/prefix_bits.h, over ::ffff:a.b.c.d: half of all are below it."""
    sums = KEY[0] + KEY[1] * KEY[2] + (KEY[3] + 0xFFFF) * (KEY[4] + int(client)) + KEY[5] * KEY[6]
    return sums >> 32 & 0xFFFFFFFF < 1 << 31


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Lab, Daemon]]:
    with Lab(Topology(clients=1, near=2, far=0)) as lab:
        lab.serve([SERVICE[4]])
        namespace = lab.client.namespace
        for address in addresses(lab):
            namespace.netlink.addr(
                "add", index=namespace.index(INTERFACE), address=str(address), prefixlen=24
            )
        with Daemon(lab) as daemon:
            service = replace(a_service(4, port=443), hints=HINTS)
            daemon.apply([service], its_backends(service, lab.near, Mode.L2DSR))
            yield lab, daemon


def addresses(lab: Lab) -> list[IPv4Address]:
    """Of clients, all of them at one host."""
    first = ipaddress.IPv4Address(lab.client.ipv4) + 100
    return [first + i for i in range(CLIENTS)]


class Browser:
    """A client that keeps its last session and offers it."""

    def __init__(self, lab: Lab, address: IPv4Address, version: ssl.TLSVersion) -> None:
        self._lab = lab
        self._address = str(address)
        self._session: ssl.SSLSession | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(lab.folder / "authority.pem")
        self._context.check_hostname = False
        self._context.maximum_version = version

    def get(self) -> tuple[str, bool]:
        """The backend that answers, and whether it took the session."""
        with self._lab.client.namespace.entered():
            plain = socket.socket()
        with plain:
            plain.settimeout(PATIENCE)
            plain.bind((self._address, 0))
            plain.connect((str(SERVICE[4]), 443))
            with self._context.wrap_socket(plain, session=self._session) as talk:
                talk.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                while part := talk.recv(4096):
                    answer += part
                self._session, reused = talk.session, bool(talk.session_reused)
        return answer.rsplit(b"\r\n\r\n", 1)[1].decode().strip(), reused


def reported(daemon: Daemon, flows: int) -> HintReport:
    """Once so many flows are in it."""
    end = time.monotonic() + PATIENCE
    found = daemon.client.hint_report("tcp4-443")
    while found.treated.flows + found.holdout.flows < flows and time.monotonic() < end:
        time.sleep(0.05)
        found = daemon.client.hint_report("tcp4-443")
    return found


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_flows_of_both_groups_are_measured(
    running: tuple[Lab, Daemon], version: ssl.TLSVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    lab, daemon = running
    clients = {address: Browser(lab, address, version) for address in addresses(lab)}
    held_out = {address for address in clients if is_held_out(address)}
    assert 0 < len(held_out) < CLIENTS
    daemon.client.hint_report("tcp4-443", reset=True)
    where = {address: client.get()[0] for address, client in clients.items()}
    for _ in range(RETURNS):
        for address, client in clients.items():
            backend, resumed = client.get()
            if address not in held_out:
                assert (backend, resumed) == (where[address], True), "the hint was not followed"
    report = reported(daemon, CLIENTS * (1 + RETURNS))
    for group, count in (
        (report.treated, CLIENTS - len(held_out)),
        (report.holdout, len(held_out)),
    ):
        flows = count * (1 + RETURNS)
        assert (group.flows, group.client_hellos, group.resumptions) == (
            flows,
            flows,
            count * RETURNS,
        )
        assert (group.first_payload.count, group.second_payload.count) == (flows, flows)
        assert 0 < group.first_payload.mean < group.second_payload.mean < PATIENCE
        assert group.handshake_bytes.count == flows
        assert 200 < group.handshake_bytes.median <= group.handshake_bytes.p95 < 2000
    effect = report.effects["resumption"]
    assert effect.difference == 0
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < 0 < effect.high
    assert main(["--socket", str(daemon.socket), "hint", "report", "tcp4-443"]) == 0
    said = capsys.readouterr().out
    assert "\nresumption: 67 % against 67 %: 0 points (" in said
    assert main(["--socket", str(daemon.socket), "hint", "report", "tcp4-443", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["treated"]["flows"] == report.treated.flows


def test_what_is_not_tls_has_times_only(running: tuple[Lab, Daemon]) -> None:
    lab, daemon = running
    daemon.client.hint_report("tcp4-443", reset=True)
    with lab.client.namespace.entered():
        plain = socket.socket()
    with plain:
        plain.settimeout(PATIENCE)
        plain.connect((str(SERVICE[4]), 443))
        plain.sendall(b"GET / HTTP/1.0\r\n")
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(b"\r\n")
        assert b"400" in plain.recv(4096)
    report = reported(daemon, 1)
    groups = report.treated, report.holdout
    assert sum(group.flows for group in groups) == 1
    assert sum(group.client_hellos for group in groups) == 0
    assert sum(group.first_payload.count for group in groups) == 1
