"""The preflight of interfaces that exist: veth pairs in a namespace of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from accel.lab.names import unique


@pytest.fixture
def namespace() -> Iterator[str]:
    """With a veth pair, `near` and `far`."""
    name = f"{unique()}-check"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        _ip(name, "link", "add", "near", "type", "veth", "peer", "name", "far")
        for interface in ("near", "far"):
            _ip(name, "link", "set", interface, "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def _ip(namespace: str, *arguments: str) -> None:
    subprocess.run(["ip", "-n", namespace, *arguments], check=True)


def _inside(namespace: str, *command: str) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{namespace}", *command]


def _check(namespace: str, interface: str) -> dict[str, Any]:
    """What it finds, by name."""
    done = subprocess.run(
        _inside(
            namespace,
            *(sys.executable, "-m", "accel.cli.main", "check", "-o", "json"),
            *("--interface", interface),
        ),
        capture_output=True,
        text=True,
    )
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    failed = any(finding["level"] == "fail" for finding in found.values())
    assert done.returncode == (7 if failed else 0), done.stderr
    return found


def test_a_veth_pair(namespace: str) -> None:
    found = _check(namespace, "near")
    assert found["near: link"]["found"] == "up, driver veth"
    assert found["near: native XDP"]["found"] == "tried: driver veth has it"
    assert found["near: programs"]["found"] == "no XDP program yet"
    assert found["near: MTU"]["level"] == "warn"
    assert found["near: IPv6"]["level"] == "ok"
    assert found["routing rules"]["level"] == "ok"
    for probe in ("XDP", "gateway program", "bcc", "headers"):
        assert found[probe]["level"] == "ok", found[probe]
    # The program that tried native mode is gone again.
    assert _check(namespace, "near")["near: programs"]["found"] == "no XDP program yet"


def test_what_is_unusual_is_seen(namespace: str) -> None:
    _ip(namespace, "link", "set", "near", "mtu", "2000", "down", "addrgenmode", "none")
    _ip(namespace, "rule", "add", "from", "192.0.2.1", "table", "77")
    subprocess.run(_inside(namespace, "ethtool", "-K", "near", "rxvlan", "off"), check=True)
    found = _check(namespace, "near")
    assert found["near: link"]["level"] == "warn"
    assert found["near: MTU"]["level"] == "ok"
    assert found["near: IPv6"]["level"] == "warn"
    assert found["near: VLAN offload"]["level"] == "ok"
    assert "table 77" in found["routing rules"]["found"]
    assert _check(namespace, "far")["far: VLAN offload"]["level"] == "warn"


def test_a_foreign_program(namespace: str) -> None:
    holder = (
        "import socket, sys\n"
        "from accel.ebpf import syscall\n"
        "program = syscall.prog_load(syscall.PROG_XDP,\n"
        "    bytes.fromhex('b7000000020000009500000000000000'), license='GPL', name='foreign',\n"
        "    attach_type=syscall.ATTACH_XDP)\n"
        "link = syscall.link_create(program, socket.if_nametoindex('near'), syscall.ATTACH_XDP)\n"
        "print('attached', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        _inside(namespace, sys.executable, "-c", holder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "attached\n"
        try:
            found = _check(namespace, "near")
        finally:
            process.stdin.close()
    assert found["near: programs"]["level"] == "fail"
    assert "foreign" in found["near: programs"]["found"]


if os.geteuid() != 0:
    pytestmark = pytest.mark.skip("needs root, to make namespaces")
