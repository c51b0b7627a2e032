"""Full-size transfers where a link on the way is narrower than what both ends believe."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet, Raw

from accel.lab import INTERFACE, Host, Lab, Topology
from accel.lab.clients.requests import curl
from accel.lab.daemon import Daemon
from accel.model.address import Address
from accel.model.backend import Mode
from accel.model.service import Service
from tests.support.wire.steering import SERVICE, a_service, errors, its_backends, packets, url
from tests.support.wire.under_attack import until

NARROW = 1400
MEGABYTE = 1 << 20
MODES = [
    (Mode.IPIP, 4, 4),
    (Mode.IPIP, 6, 4),
    (Mode.IPIP, 4, 6),
    (Mode.IPIP, 6, 6),
    (Mode.GUE, 4, 4),
    (Mode.GUE, 6, 6),
    (Mode.L2DSR, 4, 4),
    (Mode.L2DSR, 6, 6),
]


@dataclass(frozen=True, kw_only=True)
class Network:
    lab: Lab
    daemon: Daemon


@pytest.fixture(scope="module")
def narrow_client() -> Iterator[Network]:
    """A client behind a narrow link that does not know of it; one for each mode, since a path
    MTU once found is remembered for a client."""
    with Lab(Topology(clients=len(MODES), near=1, far=1, clients_mtu=NARROW)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


@pytest.mark.parametrize(("mode", "inner", "outer"), MODES, ids=lambda value: str(value))
def test_download_over_a_narrow_link_to_the_client(
    narrow_client: Network, mode: Mode, inner: int, outer: int
) -> None:
    """The router's "too big" goes to the service address: it must reach the flow's backend."""
    lab, daemon = narrow_client.lab, narrow_client.daemon
    client = lab.clients[MODES.index((mode, inner, outer))]
    service = a_service(inner)
    hosts = lab.near if mode is Mode.L2DSR else lab.far
    daemon.apply([service], its_backends(service, hosts, mode, outer=outer))
    before = packets(daemon, "forward_icmp")
    answers = curl(client, [url(service.address, "1m")] * 4)
    assert errors(answers) == {}
    assert [a.size for a in answers] == [MEGABYTE] * 4
    assert packets(daemon, "forward_icmp") > before


@contextlib.contextmanager
def narrow_segment_of_backends() -> Iterator[Lab]:
    """The far backends behind a narrow link that neither clients nor gateway know of."""
    with Lab(Topology(clients=len(MODES), near=0, far=1, far_mtu=NARROW)) as lab:
        lab.serve(list(SERVICE.values()))
        lab.unwrap()
        # The backend speaks of full-size segments all the same.
        clients, _, far = lab.segments
        for family, network, router, size in (
            ("-4", clients.ipv4, far.ipv4[1], 1460),
            ("-6", clients.ipv6, far.ipv6[1], 1440),
        ):
            lab.far[0].namespace.run(
                f"ip {family} route add {network} via {router} advmss {size}".split()
            )
        yield lab


@pytest.fixture(scope="module")
def narrow_backends() -> Iterator[Network]:
    """The gateway knows of the narrow link to the far backends by its route; clients do not."""
    with narrow_segment_of_backends() as lab:
        _, near, far = lab.segments
        for family, network, router in (
            ("-4", far.ipv4, near.ipv4[1]),
            ("-6", far.ipv6, near.ipv6[1]),
        ):
            lab.gateway.namespace.run(
                f"ip {family} route add {network} via {router} dev {INTERFACE} mtu {NARROW}".split()
            )
        with Daemon(lab) as daemon:
            yield Network(lab=lab, daemon=daemon)


@pytest.fixture(scope="module")
def hidden_narrow_link() -> Iterator[Network]:
    """Nobody knows of the narrow link but the router in front of it."""
    with narrow_segment_of_backends() as lab, Daemon(lab) as daemon:
        yield Network(lab=lab, daemon=daemon)


TUNNELS = [mode for mode in MODES if mode[0] is not Mode.L2DSR]


def upload(lab: Lab, client: Host, service: Service) -> str:
    """Send a megabyte; returns what the backend says that it got."""
    body = lab.folder / "body"
    body.write_bytes(bytes(MEGABYTE))
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--globoff"]
    command += ["--data-binary", f"@{body}", url(service.address, "upload")]
    return client.namespace.run(command).stdout


def mtu_of(client: Host, address: Address) -> int:
    """What the client has found out about the way to `address`; 0 for nothing."""
    found = client.namespace.run(["ip", "route", "get", str(address)]).stdout
    told = re.search(r"mtu (\d+)", found)
    return int(told[1]) if told else 0


def overhead(mode: Mode, outer: int) -> int:
    return {4: 20, 6: 40}[outer] + (8 if mode is Mode.GUE else 0)


@pytest.mark.parametrize(("mode", "inner", "outer"), TUNNELS, ids=lambda value: str(value))
def test_upload_over_a_narrow_link_to_the_backend(
    narrow_backends: Network, mode: Mode, inner: int, outer: int
) -> None:
    """The gateway itself says "too big", with what is left once it has encapsulated."""
    lab, daemon = narrow_backends.lab, narrow_backends.daemon
    client = lab.clients[MODES.index((mode, inner, outer))]
    service = a_service(inner)
    daemon.apply([service], its_backends(service, lab.far, mode, outer=outer))
    before = packets(daemon, "too_big")
    assert upload(lab, client, service) == f"{MEGABYTE}\n"
    assert packets(daemon, "too_big") > before
    assert mtu_of(client, service.address) == NARROW - overhead(mode, outer)


@pytest.mark.parametrize(("mode", "inner", "outer"), TUNNELS, ids=lambda value: str(value))
def test_upload_over_a_link_whose_width_only_its_router_knows(
    hidden_narrow_link: Network, mode: Mode, inner: int, outer: int
) -> None:
    """The router's "too big" is about the outer packet and goes to the gateway."""
    lab, daemon = hidden_narrow_link.lab, hidden_narrow_link.daemon
    client = lab.clients[MODES.index((mode, inner, outer))]
    service = a_service(inner)
    daemon.client.apply([], [], prune=True)  # what was learned of the backend is forgotten
    daemon.apply([service], its_backends(service, lab.far, mode, outer=outer))
    assert daemon.client.backend(service.name, lab.far[0].name).hop.mtu == 1500
    assert upload(lab, client, service) == f"{MEGABYTE}\n"
    backend = service.name, lab.far[0].name
    until(lambda: daemon.client.backend(*backend).hop.mtu == NARROW, "what the router said")
    assert mtu_of(client, service.address) == NARROW - overhead(mode, outer)


def forged(quoted: Packet, mtu: int) -> bytes:
    """The ICMP message about `quoted`; over IPv6 the kernel sums it up."""
    if quoted.version == 4:
        return bytes(ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(quoted)))
    return bytes(IPv6() / ICMPv6PacketTooBig(mtu=mtu) / Raw(bytes(quoted)))[40:]


@pytest.mark.parametrize("version", [4, 6])
def test_an_error_about_what_was_never_sent_is_not_believed(
    hidden_narrow_link: Network, version: int
) -> None:
    lab, daemon = hidden_narrow_link.lab, hidden_narrow_link.daemon
    service, gateway = a_service(version), lab.gateway.address(version)
    daemon.client.apply([], [], prune=True)
    daemon.apply([service], its_backends(service, lab.far, Mode.IPIP))
    ip, protocol = (IP, socket.IPPROTO_ICMP) if version == 4 else (IPv6, socket.IPPROTO_ICMPV6)
    inner = ip(src=str(lab.client.address(version)), dst=str(service.address)) / TCP(dport=80)
    backend = lab.far[0].address(version)
    sent = ip(src=str(gateway), dst=str(backend)) / inner
    others = [
        ip(src=str(lab.client.address(version)), dst=str(backend)) / inner,
        ip(src=str(gateway), dst=str(lab.client.address(version))) / inner,
        ip(src=str(gateway), dst=str(backend)) / UDP(dport=6080) / inner,
        ip(src=str(gateway), dst=str(backend)) / TCP(dport=80),
        inner,
    ]

    def hop_mtu() -> int:
        return daemon.client.backend(service.name, lab.far[0].name).hop.mtu

    with lab.client.namespace.entered():
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        raw = socket.socket(family, socket.SOCK_RAW, protocol)
    with raw:
        for other in others:
            raw.sendto(forged(other, 1300), (str(gateway), 0))
        # It is read after those before, and is just like one that a router would send.
        raw.sendto(forged(sent, 1350), (str(gateway), 0))
    deadline = time.monotonic() + 10
    while hop_mtu() == 1500 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert hop_mtu() == 1350
