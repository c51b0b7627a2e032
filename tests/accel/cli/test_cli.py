"""Every command against a daemon of its own: real gRPC over a real socket, no kernel needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from accel.cli import connect
from accel.cli.backend import drain
from accel.cli.main import main
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED
from accel.terminal import plain
from tests.support.cli.commands import Accel


def test_service_commands(applied: Accel) -> None:
    added = applied(
        *("service", "add", "web", "--address", "192.0.2.8", "--port", "80"),
        *("--ring-size", "251", "-o", "json"),
    ).value
    assert added == {
        "name": "web",
        "address": "192.0.2.8",
        "port": 80,
        "protocol": "tcp",
        "ring_size": 251,
        "guard": plain(UNGUARDED),
        "hints": plain(UNHINTED),
        "revision": 3,
    }
    again = applied("service", "add", "web", "--address", "192.0.2.9", "--port", "80", code=4)
    assert again.err == "accel: service 'web' exists already\nhint: update it instead\n"
    dry = applied("service", "set", "web", "--port", "81", "--dry-run")
    assert "192.0.2.8:81/tcp" in dry.out
    assert "dry run" in dry.err
    assert "192.0.2.8:80/tcp" in applied("service", "show", "web").out
    applied("service", "set", "web", "--port", "82", "--expected-revision", "3")
    assert "192.0.2.8:82/tcp" in applied("service", "list").out
    applied("service", "set", "web", "--port", "83", "--expected-revision", "3", code=5)
    assert "would be removed" in applied("service", "remove", "web", "--dry-run").err
    assert applied("service", "remove", "web").err == "service web removed\n"
    missing = applied("service", "show", "web", code=3)
    assert missing.err.startswith("accel: no service 'web'\nhint: ")


def test_service_list_says_how_many_backends_are_ready(applied: Accel) -> None:
    rows = [line.split() for line in applied("service", "list").out.splitlines()]
    assert rows == [
        ["NAME", "ADDRESS", "READY", "RING", "REVISION"],
        ["api", "203.0.113.10:443/tcp", "2/3", "65537", "2"],
        ["dns", "[2001:db8::53]:*/udp", "0/0", "65537", "2"],
    ]


def test_service_show_has_its_backends(applied: Accel) -> None:
    shown = applied("service", "show", "api", "-o", "yaml").out
    value = yaml.safe_load(shown)
    assert [backend["name"] for backend in value["backends"]] == ["a", "b", "lost"]
    assert value["backends"][0]["next_hop"]["mac"] == "02:00:00:00:00:01"


def test_backend_commands(applied: Accel) -> None:
    added = applied(
        *("backend", "add", "dns/r1", "--address", "2001:db8::11", "--mode", "gue"),
        *("--gue-port", "7000", "--weight", "3", "--state", "down", "-o", "json"),
    ).value
    assert isinstance(added, dict)
    assert added.pop("next_hop")["resolved"] is True
    assert added == {
        "service": "dns",
        "name": "r1",
        "address": "2001:db8::11",
        "weight": 3,
        "mode": "gue",
        "gue_port": 7000,
        "state": "down",
        "server_ids": {},
        "revision": 3,
    }
    applied("backend", "add", "dns/r1", "--address", "10.0.0.1", code=4)
    applied("backend", "add", "none/r1", "--address", "10.0.0.1", code=3)
    set_ = applied("backend", "set", "dns/r1", "--weight", "9", "--state", "up").out
    assert re.search(r"dns/r1 +2001:db8::11 +gue:7000 +9 +up +lo 02:00:00:00:00:01 mtu 1500", set_)
    applied("backend", "set", "dns/r1", "--weight", "8", "--dry-run")
    shown = applied("backend", "show", "dns/r1", "-o", "json").value
    assert isinstance(shown, dict)
    assert shown["weight"] == 9
    applied("backend", "remove", "dns/r1", "--expected-revision", "3", code=5)
    assert applied("backend", "remove", "dns/r1").err == "backend dns/r1 removed\n"
    applied("backend", "show", "dns/r1", code=3)


def test_backend_list_says_why_a_next_hop_is_missing(applied: Accel) -> None:
    listed = applied("backend", "list")
    assert "none: 10.99.0.1 does not answer ARP on eth9" in listed.out
    assert applied("backend", "list", "dns").err.startswith("no backends yet")
    assert applied("backend", "list", "api", "-o", "name").out == "api/a\napi/b\napi/lost\n"
    applied("backend", "list", "none", code=3)


def test_drain_and_undo(applied: Accel) -> None:
    assert applied("drain", "api/a", "--dry-run").err == "dry run: nothing was changed\n"
    assert applied("backend", "list").out.count(" up ") == 3
    drained = applied("drain", "api/a", "-o", "json").value
    assert isinstance(drained, dict)
    assert (drained["state"], drained["known_flows"]) == ("drain", 1)
    assert " up " in applied("drain", "api/a", "--undo").out
    applied("drain", "api/none", code=3)


def test_drain_waits_and_then_says_that_flows_are_left(
    applied: Accel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fake data path says that backend number n has n known flows.
    left = applied("drain", "api/b", "--wait", "0.1", code=10)
    assert "api/b: 2 known flows left" in left.err
    assert "hint: wait longer" in left.err
    flows = iter((2, 1, 0))
    monkeypatch.setattr(drain, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(drain, "known_flows", lambda *_: next(flows))
    ended = applied("drain", "api/b", "--wait", "60")
    assert ended.err == "api/b: 2 known flows left\napi/b: 1 known flows left\n"
    assert ended.out.splitlines()[1].split() == ["api/b", "drain", "0"]


def test_attach_status_detach(accel: Accel) -> None:
    assert "hint: no packet is seen yet" in accel("status").err
    attached = accel("attach", "lo")
    assert attached.out.splitlines()[1].split() == ["lo", "generic"]
    assert attached.err == "warning: no native mode here\n"
    assert accel("attach", "lo", "--mode", "native", "-o", "json").value == {
        "interface": "lo",
        "xdp_mode": "native",
    }
    status = accel("status", "-o", "json").value
    assert isinstance(status, dict)
    assert status["attachments"] == [{"interface": "lo", "xdp_mode": "native"}]
    table = accel("status").out
    assert re.search(r"revision +1\n", table)
    assert re.search(r"services +0 +1,023 +0.0% +4.1 kB", table)
    assert accel("detach", "lo").err == "detached from lo\n"
    accel("detach", "lo", code=3)


def test_stats(applied: Accel) -> None:
    lines = applied("stats").out.splitlines()
    assert lines[1].split() == ["api/a", "33.3%", "1", "1", "1.0", "kB"]
    assert ["-", "not_service", "7", "700", "B"] in [line.split() for line in lines]
    assert ["api", "forward_flow", "6", "6.0", "kB"] in [line.split() for line in lines]
    only = applied("stats", "dns", "-o", "json").value
    assert isinstance(only, dict)
    assert [service["service"] for service in only["services"]] == ["dns"]
    applied("stats", "none", code=3)


def test_explain(applied: Accel) -> None:
    told = applied("explain", "--from", "198.51.100.7:40000", "--to", "api", "--syn").out
    assert told.startswith("forward_syn: a TCP SYN")
    assert re.search(r"backend +a, 10.0.0.11, ipip, up\n", told)
    assert "slot 17 of the ring" in told
    assert "  1. In comes a TCP SYN from 198.51.100.7 port 40000 to 203.0.113.10 port 443." in told
    assert (
        "198.51.100.7 -> 203.0.113.10, ttl 64, 44 bytes, DF\n  TCP        40000 -> 443, SYN" in told
    )
    assert "The packet that leaves" in told
    six = applied("explain", "--from", "[2001:db8::7]:4", "--to", "[2001:db8::53]:53/udp")
    assert "UDP packet from 2001:db8::7 port 4 to 2001:db8::53 port 53" in six.out
    any_port = applied("explain", "--from", "[2001:db8::7]:4", "--to", "dns:5353", "-o", "json")
    assert any_port.value["steps"][0].endswith("port 5353.")  # type: ignore[index]
    applied("explain", "--from", "192.0.2.1:1", "--to", "none", code=3)
    mixed = applied("explain", "--from", "192.0.2.1:1", "--to", "dns:53", code=2)
    assert "192.0.2.1 is IPv4" in mixed.err


def test_check_finds_the_daemon(accel: Accel, socket: Path) -> None:
    from accel.checks.host import daemon

    assert daemon(socket).found == f"listens at {socket}"


def test_a_daemon_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket as sockets

    with sockets.socket(sockets.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s"))
        mute.listen()
        assert main(["status", "--socket", str(tmp_path / "s"), "--timeout", "0.3"]) == 8
    assert "did not answer within 0.3 s\nhint: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["missing", "left", "a file"])
def test_no_daemon(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket as sockets

    path = tmp_path / "s"
    if kind == "left":
        with sockets.socket(sockets.AF_UNIX) as left:
            left.bind(str(path))
    elif kind == "a file":
        path.write_text("")
    assert main(["--socket", str(path), "service", "list"]) == 8
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("accel: no daemon")
    assert "\nhint: start it" in err


def test_errors_keep_what_they_say_besides_text(applied: Accel, socket: Path) -> None:
    from accel.client.client import Client
    from accel.errors import ExistsError, InvalidError, NotFoundError, RevisionError

    with Client(socket) as client:
        with pytest.raises(NotFoundError) as missing:
            client.backend("api", "none")
        assert (missing.value.kind, missing.value.name) == ("backend", "api/none")
        service = client.service("api")
        with pytest.raises(ExistsError) as there:
            client.create_service(service)
        assert (there.value.kind, there.value.name) == ("service", "api")
        with pytest.raises(RevisionError) as moved:
            client.update_service("api", port=444, expected_revision=77)
        assert (moved.value.expected, moved.value.found) == (77, service.revision)
        with pytest.raises(InvalidError) as wrong:
            client.update_service("api", ring_size=300)
        assert wrong.value.field == "service.ring_size"
        assert "307" in wrong.value.hint


def test_a_hundred_thousand_backends_fit_into_one_message(socket: Path) -> None:
    from accel.client.client import Client
    from accel.errors import CapacityError
    from accel.model.address import parse_address
    from accel.model.backend import Backend
    from accel.model.service import Protocol, Service

    address = parse_address("10.0.0.1", "")
    service = Service(name="api", address=address, port=80, protocol=Protocol.TCP)
    backends = [Backend(service="api", name=f"b{i}", address=address) for i in range(100_000)]
    with Client(socket) as client, pytest.raises(CapacityError, match="100000 backends"):
        client.apply([service], backends, validate_only=True)


def test_completion_asks_for_names(applied: Accel, socket: Path) -> None:
    script = applied("completion", "bash").out
    harness = (
        f'{script}\naccel() {{ "{sys.executable}" -m accel.cli.main "$@"; }}\n'
        '_accel_ask() { accel "$@" --timeout 5; }\n'
        'COMP_WORDS=(accel drain api/); COMP_CWORD=2; _accel; echo "${COMPREPLY[*]}"\n'
        'COMP_WORDS=(accel stats ""); COMP_CWORD=2; _accel; echo "${COMPREPLY[*]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", harness],
        env={**os.environ, connect.ENVIRONMENT: str(socket)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "api/a api/b api/lost\napi dns\n"
