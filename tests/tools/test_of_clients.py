"""A packet that is written for many clients is what scapy writes for each."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest
from scapy.all import Packet

from tests.support.packets.of_clients import OfClients
from tests.support.packets.packets import LINK, tcp, to_api, udp

CLIENTS = 200


def address(version: int, random: Random) -> str:
    if version == 4:
        return str(IPv4Address(random.getrandbits(32)))
    return str(IPv6Address(random.getrandbits(128)))


@pytest.mark.parametrize("data", [b"", b"x", b"GET /v1/items\r\n"])
@pytest.mark.parametrize("header", [tcp(443, "S"), tcp(443), udp(443)], ids=["syn", "ack", "udp"])
@pytest.mark.parametrize("version", [4, 6])
def test_it_is_what_scapy_writes(version: int, header: Packet, data: bytes) -> None:
    random = Random(len(data))
    written = OfClients(version, header / data)
    for _ in range(CLIENTS):
        client, port = address(version, random), random.randrange(1 << 16)
        transport = header.copy()
        transport.sport = port
        frame = bytes(LINK / to_api(version, src=client) / transport / data)
        assert written.frame(client, port) == frame


@pytest.mark.parametrize("version", [4, 6])
def test_a_udp_checksum_is_never_0(version: int) -> None:
    """That would mean none (RFC 768): for one port of all it comes to 0, and is written as ffff."""
    written = OfClients(version, udp(443) / b"x")
    client = {4: "198.51.100.7", 6: "2001:db8::7"}[version]
    at = {4: 14 + 20 + 6, 6: 14 + 40 + 6}[version]
    ports = [p for p in range(1 << 16) if written.frame(client, p)[at : at + 2] == b"\xff\xff"]
    assert ports
    for port in ports:
        frame = LINK / to_api(version, src=client) / udp(443, sport=port) / b"x"
        assert written.frame(client, port) == bytes(frame)
