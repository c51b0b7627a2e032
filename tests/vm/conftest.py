"""One network for all tests here, since an emulated machine compiles for half a minute.

Its far backends unwrap by the kernel's own tunnels, its near one by `accel backend run`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from steering import SERVICE

from accel.lab import Host, Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.namespace import Namespace

OTHER = {4: ipaddress.ip_address("198.51.100.2"), 6: ipaddress.ip_address("2001:db8:5e::2")}
GUE_PORT = "6080"
# Name and kind of each device, what else it is to be told, and the outer IP version.
DEVICES = (
    ("t44", "ipip", [], 4),
    ("t46", "sit", [], 4),
    ("t6", "ip6tnl", ["mode", "any"], 6),
)
LACKING = ("Unknown device type", "not supported", "No such file", "kind is unknown")


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Backend b1 is near, b2 and b3 are far. All serve SERVICE, which is ours, and OTHER."""
    with Lab(Topology(near=1, far=2)) as lab:
        for host in lab.far:
            for device in DEVICES:
                _tunnel(host, *device)
            for version in ("-4", "-6"):
                ip(host.namespace, version, "fou", "add", "port", GUE_PORT, "gue")
        lab.serve([*SERVICE.values(), *OTHER.values()])
        lab.unwrap(lab.near)
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


def ip(namespace: Namespace, *words: str) -> None:
    """Run `ip`, or skip with the kernel's own words."""
    done = namespace.run(["ip", *words], check=False)
    if any(lacking in done.stderr for lacking in LACKING):
        what = words[words.index("type") + 1] if "type" in words else "fou"
        pytest.skip(f"no {what} devices in this kernel: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


def _tunnel(host: Host, name: str, kind: str, more: Sequence[str], outer: int) -> None:
    """An end that takes what comes from any gateway."""
    namespace = host.namespace
    ends = ["local", str(host.address(outer)), "remote", "any"]
    ip(namespace, "link", "add", name, "type", kind, *ends, *more)
    ip(namespace, "link", "set", name, "up")
    namespace.sysctl(**{f"ipv4__conf__{name}__rp_filter": 0})
