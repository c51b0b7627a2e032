"""The lab's flood: what it sends is as it should be, as fast as it was asked, and it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from accel.lab import INTERFACE, Lab, Topology
from accel.lab.clients.flood import Kind, Network, at_gateway

SERVICE = {4: ip_address("198.51.100.1"), 6: ip_address("2001:db8:5e::1")}
SOURCES: dict[int, list[Network]] = {
    4: [ip_network("198.18.0.0/15"), ip_network("192.0.2.128/25")],
    6: [ip_network("2001:db8:bad::/48")],
}
FLAGS = {
    Kind.SYN: {"S"},
    Kind.ACK: {"A"},
    Kind.RST: {"R"},
    Kind.SYN_ACK: {"SA"},
    Kind.MIXED: {"S", "A", "R", "FA"},
}
SOME = 128
_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(Topology(near=0, far=0)) as lab:
        lab.gateway.namespace.take_xdp(INTERFACE)
        yield lab


def listening(lab: Lab) -> socket.socket:
    """A raw socket that sees what comes to the gateway."""
    with lab.gateway.namespace.entered():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        made.bind((INTERFACE, _ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
    made.settimeout(5.0)
    return made


def arrived(listener: socket.socket, version: int, count: int) -> list[Packet]:
    """The next frames to the service."""
    found: list[Packet] = []
    while len(found) < count:
        data = listener.recv(2048)
        if Ether(data).type == (0x800 if version == 4 else 0x86DD) and TCP in (seen := Ether(data)):
            found.append(seen)
    return found


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("version", [4, 6])
def test_every_frame_is_a_segment_of_another_source(lab: Lab, version: int, kind: Kind) -> None:
    listener = listening(lab)
    flood = at_gateway(
        lab, sources=SOURCES[version], to=SERVICE[version], port=443, kind=kind, most=SOME
    )
    with flood:
        assert flood.wait() == SOME
        frames = arrived(listener, version, SOME)
    listener.close()
    ip = IP if version == 4 else IPv6
    sources = {ip_address(each[ip].src) for each in frames}
    assert len(sources) > SOME // 2
    assert all(any(s in network for network in SOURCES[version]) for s in sources)
    assert all(any(s in network for s in sources) for network in SOURCES[version])
    assert {each[ip].dst for each in frames} == {str(SERVICE[version])}
    assert {each[TCP].dport for each in frames} == {443}
    assert {str(each[TCP].flags) for each in frames} == FLAGS[kind]
    assert len({each[TCP].sport for each in frames}) > SOME // 2
    assert len({each[TCP].seq for each in frames}) > SOME - 8
    for each in frames:
        again = Ether(bytes(each))
        del again[TCP].chksum
        if version == 4:
            del again[IP].chksum
        assert bytes(again.__class__(bytes(again))) == bytes(each)
        assert bool(each[TCP].ack) == ("A" in each[TCP].flags)
        options = ["MSS", "SAckOK", "Timestamp", "NOP", "WScale"] if "S" in each[TCP].flags else []
        assert [name for name, _ in each[TCP].options] == options


def test_a_flood_of_a_rate_ends_when_it_is_stopped(lab: Lab) -> None:
    flood = at_gateway(lab, sources=SOURCES[4], to=SERVICE[4], rate=20_000, seconds=0.5)
    with flood:
        sent = flood.wait()
    assert 0 < sent <= 0.5 * 20_000
    endless = at_gateway(lab, sources=SOURCES[4], to=SERVICE[4])
    with endless:
        while not endless.sent:
            threading.Event().wait(0.01)
    assert not endless.running


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("bots", [False, True])
def test_what_comes_back_goes_no_further_and_bots_answer_it(
    lab: Lab, version: int, bots: bool
) -> None:
    """The gateway's own stack has no such port: it resets what it can."""
    to = lab.gateway.address(version)
    listener = listening(lab)
    for network in SOURCES[version]:
        lab.gateway.namespace.run(
            ["ip", "route", "replace", str(network), "via", str(via(lab, to))]
        )
    with at_gateway(lab, sources=SOURCES[version], to=to, port=80, most=100, bots=bots) as flood:
        assert flood.wait() == 100
        frames = arrived(listener, version, 200)
    listener.close()
    assert flood.returned == 100
    assert flood.answered == 0  # an RST is no challenge
    assert {str(each[TCP].flags) for each in frames} == {"S", "RA"}


def via(lab: Lab, to: object) -> object:
    """The router, on the gateway's segment."""
    return lab.segments[1].addresses(1)[0 if to == lab.gateway.ipv4 else 1]
