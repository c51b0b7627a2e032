"""Frames as scapy reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from accel.datapath import frame
from accel.model.address import parse_address
from accel.model.service import Protocol

PAIRS = [("198.51.100.7", "192.0.2.1"), ("2001:db8::7", "2001:db8:1::1")]


def rebuilt(built: bytes) -> bytes:
    """The same packet with checksums and lengths by scapy."""
    packet = Ether(built)
    for layer in (IP, IPv6, TCP, UDP):
        if layer in packet:
            for field in ("chksum", "len", "plen", "dataofs", "ihl"):
                if field in packet[layer].fields:
                    delattr(packet[layer], field)
    return bytes(packet)


@pytest.mark.parametrize(("source", "destination"), PAIRS)
@pytest.mark.parametrize("protocol", list(Protocol))
@given(
    source_port=st.integers(1, 65535),
    destination_port=st.integers(1, 65535),
    syn=st.booleans(),
    payload=st.binary(max_size=40),
)
def test_checksums_and_lengths_are_those_of_scapy(
    source: str,
    destination: str,
    protocol: Protocol,
    source_port: int,
    destination_port: int,
    syn: bool,
    payload: bytes,
) -> None:
    built = frame.build(
        source=parse_address(source, ""),
        source_port=source_port,
        destination=parse_address(destination, ""),
        destination_port=destination_port,
        protocol=protocol,
        syn=syn,
        payload=payload,
    )
    assert rebuilt(built) == built
    packet = Ether(built)
    ip = packet[IP] if ":" not in source else packet[IPv6]
    assert (ip.src, ip.dst) == (source, destination)
    transport = packet[TCP] if protocol is Protocol.TCP else packet[UDP]
    assert (transport.sport, transport.dport) == (source_port, destination_port)
    assert bytes(transport.payload) == payload
    if protocol is Protocol.TCP:
        assert str(transport.flags) == ("S" if syn else "A")
        assert transport.options == ([("MSS", 1460)] if syn else [])


def test_a_udp_checksum_of_zero_is_sent_as_ones() -> None:
    """RFC 768: zero means that there is none."""
    addresses = [parse_address(text, "") for text in PAIRS[0]]
    for payload in (n.to_bytes(2, "big") for n in range(65536)):
        built = frame.build(
            source=addresses[0],
            source_port=1,
            destination=addresses[1],
            destination_port=2,
            protocol=Protocol.UDP,
            payload=payload,
        )
        if built[40:42] == b"\xff\xff":
            return
        assert built[40:42] != bytes(2)
    raise AssertionError("no payload led to it")


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert frame.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF
