"""Errors of routers about outer packets, written by scapy from the RFCs, as they are read."""

from __future__ import annotations

import ipaddress

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet, Raw

from accel.model.backend import Backend, Mode
from accel.model.placement import NextHop
from accel.nexthop.path_mtu import KEPT, PathMtus, TooBig, quotes_one_for, read_ipv4, read_ipv6

ROUTER, GATEWAY, BACKEND = "10.0.1.1", "10.0.1.10", "10.0.2.101"
ROUTER6, GATEWAY6, BACKEND6 = "fd00:1::1", "fd00:1::a", "fd00:2::65"
CLIENTS = IP(src="203.0.113.10", dst="198.51.100.1") / TCP(dport=80) / Raw(bytes(1400))
OUTER = IP(src=GATEWAY, dst=BACKEND, flags="DF", id=0)
OUTER6 = IPv6(src=GATEWAY6, dst=BACKEND6)
IPIP, IPIP6 = OUTER / CLIENTS, OUTER6 / CLIENTS
GUE, GUE6 = (outer / UDP(sport=50000, dport=6080) / CLIENTS for outer in (OUTER, OUTER6))


def needed(quoted: Packet, mtu: int = 1400, *, quote: int = 548, **ip: object) -> bytes:
    """Fragmentation needed, with so many bytes of the quoted packet."""
    icmp = ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(quoted)[:quote])
    return bytes(IP(src=ROUTER, dst=GATEWAY, **ip) / icmp)


def packet_too_big(quoted: Packet, mtu: int = 1400, quote: int = 1232) -> bytes:
    """The ICMPv6 message, as the kernel hands it to a raw socket."""
    packet = IPv6(src=ROUTER6, dst=GATEWAY6) / ICMPv6PacketTooBig(mtu=mtu)
    return bytes(packet / Raw(bytes(quoted)[:quote]))[40:]


def read6(message: bytes) -> TooBig | None:
    return read_ipv6(message, ipaddress.IPv6Address(ROUTER6))


@pytest.mark.parametrize(
    ("message", "protocol", "port"),
    [
        (needed(IPIP), 4, 0),
        (needed(IPIP, quote=28), 4, 0),  # all that RFC 792 asks for
        (needed(IPIP, options=b"\x94\x04\x00\x00"), 4, 0),  # router alert
        (needed(OUTER / IPv6() / TCP()), 41, 0),
        (needed(GUE), 17, 6080),
        (needed(GUE, quote=28), 17, 6080),
        (needed(GUE, quote=101), 17, 6080),
    ],
)
def test_fragmentation_needed(message: bytes, protocol: int, port: int) -> None:
    assert read_ipv4(message) == TooBig(
        router=ipaddress.ip_address(ROUTER),
        source=ipaddress.ip_address(GATEWAY),
        destination=ipaddress.ip_address(BACKEND),
        protocol=protocol,
        port=port,
        mtu=1400,
    )


@pytest.mark.parametrize(
    ("quoted", "protocol", "port"),
    [(IPIP6, 4, 0), (OUTER6 / IPv6() / TCP(), 41, 0), (GUE6, 17, 6080)],
)
@pytest.mark.parametrize("quote", [48, 1232])
def test_packet_too_big(quoted: Packet, protocol: int, port: int, quote: int) -> None:
    assert read6(packet_too_big(quoted, quote=quote)) == TooBig(
        router=ipaddress.ip_address(ROUTER6),
        source=ipaddress.ip_address(GATEWAY6),
        destination=ipaddress.ip_address(BACKEND6),
        protocol=protocol,
        port=port,
        mtu=1400,
    )


@pytest.mark.parametrize(("told", "taken"), [(0, 576), (68, 576), (575, 576), (577, 577)])
def test_an_ipv4_mtu_is_576_at_least(told: int, taken: int) -> None:
    error = read_ipv4(needed(IPIP, told))
    assert error
    assert error.mtu == taken


@pytest.mark.parametrize(("told", "taken"), [(0, False), (1279, False), (1280, True)])
def test_an_ipv6_mtu_below_1280_is_discarded(told: int, taken: bool) -> None:
    assert bool(read6(packet_too_big(IPIP6, told))) is taken


def test_what_is_no_such_error_is_none() -> None:
    whole, whole6 = needed(IPIP, quote=28), packet_too_big(IPIP6, quote=48)
    assert [read_ipv4(whole[:n]) for n in range(len(whole))] == [None] * len(whole)
    assert [read6(whole6[:n]) for n in range(len(whole6))] == [None] * len(whole6)
    wrong = bytearray(whole)
    wrong[27] ^= 1  # the checksum no longer holds
    assert read_ipv4(bytes(wrong)) is None
    unreachable = IP() / ICMP(type=3, code=3) / Raw(bytes(IPIP)[:28])
    assert read_ipv4(bytes(unreachable)) is None
    assert read6(bytes(IPv6() / ICMPv6DestUnreach() / Raw(bytes(IPIP6)))[40:]) is None
    assert read_ipv4(needed(IP(options=b"\x94\x04\x00\x00") / CLIENTS)) is None  # none of ours


@pytest.mark.parametrize(
    ("mode", "message", "ours"),
    [
        (Mode.IPIP, needed(IPIP), True),
        (Mode.IPIP, needed(OUTER / IPv6() / TCP()), True),
        (Mode.IPIP, needed(GUE), False),
        (Mode.GUE, needed(GUE), True),
        (Mode.GUE, needed(IPIP), False),
        (Mode.GUE, needed(OUTER / UDP(dport=6081) / CLIENTS), False),
        (Mode.L2DSR, needed(IPIP), False),
        (Mode.IPIP, needed(IP(src=GATEWAY, dst="10.0.2.102") / CLIENTS), False),
    ],
)
def test_what_the_gateway_sends_to_a_backend(mode: Mode, message: bytes, ours: bool) -> None:
    backend = Backend(
        service="web", name="b1", address=ipaddress.ip_address(BACKEND), mode=mode, gue_port=6080
    )
    error = read_ipv4(message)
    assert error
    assert quotes_one_for(backend, error) is ours


def test_an_mtu_is_lowered_and_forgotten_but_never_raised() -> None:
    address = ipaddress.ip_address(BACKEND)
    hop = NextHop(ifindex=1, interface="eth0", mac=bytes(6), source_mac=bytes(6), mtu=1500)

    def mtu() -> int:
        return mtus.narrow(address, hop).mtu

    mtus = PathMtus()
    assert mtu() == 1500
    assert mtus.learn(address, 1400, 1000.0)
    assert not mtus.learn(address, 1400, 1100.0)
    assert not mtus.learn(address, 1450, 1100.0)
    assert mtu() == 1400
    assert mtus.learn(address, 1300, 1200.0)
    assert mtu() == 1300
    assert mtus.expire(1200.0 + KEPT - 1) == set()
    assert mtu() == 1300
    assert mtus.expire(1200.0 + KEPT) == {address}
    assert mtu() == 1500
    assert mtus.learn(address, 9000, 2000.0)
    assert mtu() == 1500
    mtus.forget(address)
    assert mtus.expire(9000.0) == set()
