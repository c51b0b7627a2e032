"""What we encapsulate is unwrapped by the kernel's own tunnels, as on a backend without `accel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from steering import SERVICE, a_service, errors, its_backends, spread, url

from accel.lab import Host, Lab, Topology
from accel.lab.daemon import Daemon
from accel.lab.load import curl
from accel.model import Mode

ROWS = [
    (mode, inner, outer) for mode in (Mode.IPIP, Mode.GUE) for inner in (4, 6) for outer in (4, 6)
]
GUE_PORT = "6080"
# Name and kind of each device, what else it is to be told, and the outer IP version.
DEVICES = (
    ("t44", "ipip", [], 4),
    ("t46", "sit", [], 4),
    ("t6", "ip6tnl", ["mode", "any"], 6),
)
LACKING = ("Unknown device type", "not supported", "No such file")  # in the words of `ip`


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Lab(Topology(near=0, far=2)) as lab:
        for host in lab.backends:
            for device in DEVICES:
                tunnel(host, lab.gateway, *device)
            for version in ("-4", "-6"):
                try_ip(host, version, "fou", "add", "port", GUE_PORT, "gue")
        lab.serve(list(SERVICE.values()))
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


def tunnel(
    host: Host, gateway: Host, name: str, kind: str, more: Sequence[str], outer: int
) -> None:
    """A tunnel's end for the packets that the gateway sends to this host."""
    ends = ["local", str(host.address(outer)), "remote", str(gateway.address(outer))]
    try_ip(host, "link", "add", name, "type", kind, *ends, *more)
    host.namespace.run(["ip", "link", "set", name, "up"])
    host.namespace.sysctl(**{f"ipv4__conf__{name}__rp_filter": 0})


def try_ip(host: Host, *words: str) -> None:
    """Run `ip`, or skip with the kernel's own words."""
    done = host.namespace.run(["ip", *words], check=False)
    if any(words in done.stderr for words in LACKING):
        what = words[4] if words[0] == "link" else "fou"
        pytest.skip(f"no {what} tunnels in this kernel: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("mode", "inner", "outer"), ROWS, ids=lambda value: str(value))
def test_the_kernel_unwraps(network: Network, mode: Mode, inner: int, outer: int) -> None:
    lab, daemon = network.lab, network.daemon
    service = a_service(inner)
    daemon.apply([service], its_backends(service, lab.backends, mode, outer=outer))
    urls = [url(service.address)] * 40 + [url(service.address, "1m")] * 2
    answers = curl(lab.client, urls)
    assert errors(answers) == {}
    assert set(spread(answers)) == {host.name for host in lab.backends}
