"""Frames made by scapy, described in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from accel.cli.explain.packet import describe

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
MACS = ("Ethernet", "02:00:00:00:00:01 -> 02:00:00:00:00:02")
V4 = IP(src="192.0.2.1", dst="198.51.100.2", ttl=9, flags="DF")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=9)
TCP_SYN = TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460)])
TCP_WORDS = ("TCP", "1 -> 2, SYN, 0 bytes of data")


@pytest.mark.parametrize(
    ("packet", "headers"),
    [
        (
            ETHER / V4 / TCP(sport=1, dport=2, flags="PA") / Raw(b"hello"),
            [
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 45 bytes, DF"),
                ("TCP", "1 -> 2, PSH ACK, 5 bytes of data"),
            ],
        ),
        (
            ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=8) / V6 / TCP_SYN,
            [
                ("802.1ad", "VLAN 7"),
                ("802.1Q", "VLAN 8"),
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 64 bytes"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V4 / V6 / TCP_SYN,
            [
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 84 bytes, DF"),
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 64 bytes"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V6 / V4 / TCP_SYN,
            [
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 84 bytes"),
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 44 bytes, DF"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V6 / UDP(sport=5, dport=6080) / V4 / TCP_SYN,
            [
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 92 bytes"),
                ("UDP", "5 -> 6080, GUE"),
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 44 bytes, DF"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V4 / UDP(sport=5, dport=53) / Raw(b"E" * 30),
            [
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 58 bytes, DF"),
                ("UDP", "5 -> 53, 30 bytes of data"),
            ],
        ),
        (
            ETHER / IP(src="192.0.2.1", dst="198.51.100.2", frag=2, tos=4) / Raw(b"x" * 8),
            [
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 64, 28 bytes, tos 0x04, fragment at 16"),
                ("data", "8 bytes"),
            ],
        ),
        (
            ETHER / V6 / IPv6ExtHdrDestOpt() / TCP_SYN,
            [
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 72 bytes"),
                ("IPv6", "destination extension header"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V6 / IPv6ExtHdrFragment(offset=0) / TCP_SYN,
            [
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 72 bytes"),
                ("IPv6", "fragment extension header"),
                TCP_WORDS,
            ],
        ),
        (
            ETHER / V4 / ICMP(),
            [
                ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 28 bytes, DF"),
                ("ICMP", "type 8 code 0, 8 bytes"),
            ],
        ),
        (
            ETHER / V6 / ICMPv6EchoRequest(),
            [
                ("IPv6", "2001:db8::1 -> 2001:db8::2, hop limit 9, 48 bytes"),
                ("ICMPv6", "type 128 code 0, 8 bytes"),
            ],
        ),
        (ETHER / ARP(), [("ethertype 0x0806", "28 bytes")]),
        (
            ETHER / V4 / TCP_SYN,
            [("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 44 bytes, DF"), TCP_WORDS],
        ),
    ],
)
def test_describes(packet: Packet, headers: list[tuple[str, str]]) -> None:
    assert describe(bytes(packet)) == [MACS, *headers]


def test_padding_is_no_data() -> None:
    frame = bytes(ETHER / V4 / TCP(sport=1, dport=2)) + bytes(6)
    assert describe(frame)[-1] == ("TCP", "1 -> 2, SYN, 0 bytes of data")


def test_a_cut_frame_is_described_as_far_as_it_goes() -> None:
    whole = bytes(ETHER / V4 / TCP_SYN)
    assert describe(whole[:40]) == [
        MACS,
        ("IPv4", "192.0.2.1 -> 198.51.100.2, ttl 9, 44 bytes, DF"),
        ("cut", "the next header is not whole"),
    ]
    assert describe(b"") == [("cut", "the next header is not whole")]


@given(st.binary(max_size=120), st.sampled_from([b"", bytes(ETHER / V4), bytes(ETHER / V6)]))
def test_any_bytes_are_described(data: bytes, head: bytes) -> None:
    assert describe(head + data)
