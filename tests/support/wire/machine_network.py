"""The network that all tests here share, and what a kernel may lack for it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from accel.lab import Host, Lab
from accel.lab.daemon import Daemon
from accel.lab.namespace import Namespace

OTHER = {4: ipaddress.ip_address("198.51.100.2"), 6: ipaddress.ip_address("2001:db8:5e::2")}
GUE_PORT = "6080"
# Name and kind of each device, what else it is to be told, and the outer IP version.
DEVICES: tuple[tuple[str, str, list[str], int], ...] = (
    ("t44", "ipip", [], 4),
    ("t46", "sit", [], 4),
    ("t6", "ip6tnl", ["mode", "any"], 6),
)
LACKING = ("Unknown device type", "not supported", "No such file", "kind is unknown")


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


def ip(namespace: Namespace, *words: str) -> None:
    """Run `ip`, or skip with the kernel's own words."""
    done = namespace.run(["ip", *words], check=False)
    if any(lacking in done.stderr for lacking in LACKING):
        what = words[words.index("type") + 1] if "type" in words else "fou"
        pytest.skip(f"no {what} devices in this kernel: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


def tunnel(host: Host, name: str, kind: str, more: Sequence[str], outer: int) -> None:
    """An end that takes what comes from any gateway."""
    namespace = host.namespace
    ends = ["local", str(host.address(outer)), "remote", "any"]
    ip(namespace, "link", "add", name, "type", kind, *ends, *more)
    ip(namespace, "link", "set", name, "up")
    namespace.sysctl(**{f"ipv4__conf__{name}__rp_filter": 0})
