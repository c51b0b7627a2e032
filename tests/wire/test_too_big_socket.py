"""The raw sockets that routers' errors are read from: what gets through, and how much of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet, Raw

from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.nexthop import icmp_errors
from accel.nexthop.icmp_errors import TooBigSocket
from accel.nexthop.path_mtu import TooBig

LOCAL = {4: "127.0.0.1", 6: "::1"}


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with Namespace(f"{unique()}-icmp") as made:
        made.sysctl(ipv4__icmp_ratelimit=0)
        yield made


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after the first time does not end within the test."""
    monkeypatch.setattr(icmp_errors, "_PAUSE", 3600.0)


def outer(version: int) -> Packet:
    """A packet of the gateway to a backend."""
    ip = IP() if version == 4 else IPv6()
    return ip / IP() / TCP() / Raw(bytes(100))


def errors(version: int) -> tuple[Packet, list[Packet]]:
    """One that is to be read, and others."""
    if version == 4:
        quoted = Raw(bytes(outer(4)))
        return ICMP(type=3, code=4, nexthopmtu=1400) / quoted, [
            ICMP(type=3, code=3) / quoted,
            ICMP(type=11, code=0) / quoted,
            ICMP(type=8) / quoted,
            ICMP(type=3, code=4, nexthopmtu=1400) / Raw(bytes(IP() / TCP() / Raw(bytes(100)))),
        ]
    quoted = Raw(bytes(outer(6)))
    return ICMPv6PacketTooBig(mtu=1400) / quoted, [
        ICMPv6DestUnreach() / quoted,
        ICMPv6PacketTooBig(mtu=1400) / Raw(bytes(IPv6() / UDP())[:6]),
        ICMPv6PacketTooBig(mtu=1400) / Raw(bytes(IPv6() / TCP() / Raw(bytes(100)))),
    ]


def read(namespace: Namespace, version: int, sent: list[Packet]) -> list[TooBig]:
    """What is told once of `sent`, which arrived before the first look."""
    told: list[list[TooBig]] = []

    async def run() -> None:
        listener = TooBigSocket(told.append)
        with namespace.entered():
            listener.start()
            family, protocol = (
                (socket.AF_INET, socket.IPPROTO_ICMP)
                if version == 4
                else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            )
            with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
                for packet in sent:
                    message = bytes(packet) if version == 4 else bytes(IPv6() / packet)[40:]
                    raw.sendto(message, (LOCAL[version], 0))
        await asyncio.sleep(0.2)
        listener.stop()

    asyncio.run(run())
    assert len(told) <= 1
    return told[0] if told else []


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_else_gets_through(namespace: Namespace, version: int) -> None:
    wanted, others = errors(version)
    found = read(namespace, version, [*others * 70, wanted])
    assert [(error.mtu, error.protocol) for error in found] == [(1400, 4)]
    assert str(found[0].router) == LOCAL[version]
    assert read(namespace, version, others) == []


@pytest.mark.parametrize("version", [4, 6])
def test_of_a_flood_so_many_are_read_at_a_time(namespace: Namespace, version: int) -> None:
    wanted, _ = errors(version)
    assert len(read(namespace, version, [wanted] * 500)) == 64


def test_they_are_read_again_after_a_pause(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icmp_errors, "_PAUSE", 0.01)
    told: list[list[TooBig]] = []

    async def run() -> None:
        listener = TooBigSocket(told.append)
        with namespace.entered():
            listener.start()
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with raw:
            for count in range(1, 4):
                raw.sendto(bytes(errors(4)[0]), (LOCAL[4], 0))
                while len(told) < count:
                    await asyncio.sleep(0.01)
        listener.stop()

    asyncio.run(run())
    assert [len(batch) for batch in told] == [1, 1, 1]
