"""What the maps hold for a service, read back byte by byte."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import replace
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.datapath import encode
from accel.datapath.steering import maglev
from accel.model.address import Address
from accel.model.backend import Backend, Mode, State
from accel.model.placement import NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service

addresses = st.ip_addresses()


class Leaf(ctypes.Structure):
    """struct backend of bpf/maps/gateway.h, written down a second time on purpose."""

    class Words(ctypes.Structure):
        _fields_ = (("word", ctypes.c_uint32 * 4),)

    _fields_ = (
        ("mac", ctypes.c_uint8 * 6),
        ("state", ctypes.c_uint8),
        ("generation", ctypes.c_uint8),
        ("source_mac", ctypes.c_uint8 * 6),
        ("mode", ctypes.c_uint8),
        ("outer", ctypes.c_uint8),
        ("ifindex", ctypes.c_uint32),
        ("mtu", ctypes.c_uint16),
        ("vlan", ctypes.c_uint16),
        ("gue_port", ctypes.c_uint16),
        ("checksum", ctypes.c_uint16),
        ("service", ctypes.c_uint32),
        ("source", Words),
        ("destination", Words),
    )


HOP = NextHop(
    ifindex=7,
    interface="eth1",
    mac=bytes.fromhex("020000000001"),
    source_mac=bytes.fromhex("020000000002"),
    mtu=1500,
    source=ip_address("10.0.0.254"),
)
HOP6 = replace(HOP, source=ip_address("fd00::fe"))


def placed(
    number: int,
    *,
    address: str = "10.0.0.1",
    hop: NextHop | None = HOP,
    mode: Mode = Mode.IPIP,
    state: State = State.UP,
) -> PlacedBackend:
    backend = Backend(
        service="api", name=f"b{number}", address=ip_address(address), mode=mode, state=state
    )
    return PlacedBackend(backend=backend, number=number, generation=9, next_hop=hop)


def service(*backends: PlacedBackend, ring_size: int = 251) -> PlacedService:
    api = Service(
        name="api",
        address=ip_address("192.0.2.1"),
        port=443,
        protocol=Protocol.TCP,
        ring_size=ring_size,
    )
    return PlacedService(service=api, index=1, backends=backends)


def read(backend: PlacedBackend) -> Leaf:
    return Leaf.from_buffer_copy(encode.backend_words(Leaf, backend, 5).tobytes())


# Addresses and keys


def test_ipv4_is_a_mapped_address() -> None:
    assert encode.address_bytes(ip_address("192.0.2.1")) == ip_address("::ffff:192.0.2.1").packed


@given(addresses)
def test_addresses_are_16_bytes_in_network_order(address: Address) -> None:
    data = encode.address_bytes(address)
    assert len(data) == 16
    assert data[-len(address.packed) :] == address.packed


@given(addresses, st.integers(0, 65535), st.sampled_from(Protocol))
def test_keys_tell_services_apart(address: Address, port: int, protocol: Protocol) -> None:
    key = encode.service_key(address, port, protocol)
    assert key[:16] == encode.address_bytes(address)
    assert key[16:18] == struct.pack("!H", port)
    assert key[18] == protocol
    assert key != encode.service_key(address, 0, 0)


# The sieve


@given(st.lists(addresses, max_size=20))
def test_the_sieve_holds_what_was_put_in(present: list[Address]) -> None:
    whole = encode.sieve(present)
    assert int(sum(int(w).bit_count() for w in whole)) <= len(set(present))
    for address in present:
        alone = encode.sieve([address])
        assert np.array_equal(whole & alone, alone)


def test_an_empty_sieve_holds_nothing() -> None:
    assert not encode.sieve([]).any()


def test_the_sieve_lets_others_pass() -> None:
    """A thousand services fill a 65th of it: most other addresses are told apart by one bit."""
    services = encode.sieve(ip_address(f"192.0.{n // 250}.{n % 250}") for n in range(1000))
    held = sum(
        bool((services & encode.sieve([ip_address(f"203.{n // 250}.1.{n % 250}")])).any())
        for n in range(1000)
    )
    assert held < 60


# Rings


def numbers_by_slot(lines: bytes, slots: int) -> list[int]:
    positions = struct.unpack_from(f"={slots}H", lines)
    start = -(-slots // 32) * 64
    return [struct.unpack_from("=I", lines, start + 4 * p)[0] for p in positions]


def test_a_ring_is_that_of_maglev() -> None:
    three = service(placed(5), placed(6), placed(900))
    slots, lines = encode.ring_lines(three)
    assert (slots, len(lines) % 64) == (251, 0)
    local = maglev.build(["b5", "b6", "b900"], [100, 100, 100], 251)
    assert numbers_by_slot(lines, slots) == [(5, 6, 900)[i] for i in local]


@pytest.mark.parametrize(
    "other",
    [
        placed(6, state=State.DRAIN),
        placed(6, state=State.DOWN),
        placed(6, hop=None),
        placed(6, hop=replace(HOP, source=None)),
    ],
    ids=["draining", "down", "without next hop", "without a source for the outer header"],
)
def test_a_ring_leads_only_to_those_that_may_get_new_flows(other: PlacedBackend) -> None:
    slots, lines = encode.ring_lines(service(placed(5), other, placed(7)))
    assert set(numbers_by_slot(lines, slots)) == {5, 7}
    assert numbers_by_slot(lines, slots) == numbers_by_slot(
        encode.ring_lines(service(placed(5), placed(7)))[1], slots
    ), "as if it were not there"
    assert encode.ring_lines(service(other)) == (0, b"")


def test_no_backend_no_ring() -> None:
    assert encode.ring_lines(service()) == (0, b"")


@pytest.mark.parametrize(
    ("backend", "may"),
    [
        (placed(1), True),
        (placed(1, mode=Mode.LOCAL, hop=None), True),
        (placed(1, mode=Mode.L2DSR, hop=replace(HOP, source=None)), True),
        (placed(1, mode=Mode.GUE, hop=replace(HOP, source=None)), False),
        (placed(1, hop=None), False),
        (placed(1, mode=Mode.LOCAL, hop=None, state=State.DRAIN), False),
    ],
)
def test_admitted(backend: PlacedBackend, *, may: bool) -> None:
    assert encode.admitted(backend) is may


# Backends


def test_the_words_of_a_backend() -> None:
    entry = read(placed(5, hop=replace(HOP, vlan=100)))
    assert (entry.state, entry.generation, entry.mode, entry.outer) == (1, 9, Mode.IPIP, 4)
    assert (bytes(entry.mac), bytes(entry.source_mac)) == (HOP.mac, HOP.source_mac)
    assert (entry.ifindex, entry.mtu, entry.service) == (7, 1500, 5)
    assert struct.pack("=H", entry.vlan) == struct.pack("!H", 100), "in network order"
    assert struct.pack("=H", entry.gue_port) == struct.pack("!H", 6080)
    assert bytes(entry.source) == ip_address("::ffff:10.0.0.254").packed
    assert bytes(entry.destination) == ip_address("::ffff:10.0.0.1").packed


def test_an_ipv6_backend() -> None:
    entry = read(placed(5, address="fd00::1", hop=HOP6, mode=Mode.GUE))
    assert (entry.outer, entry.mode) == (6, Mode.GUE)
    assert bytes(entry.source) == ip_address("fd00::fe").packed
    assert bytes(entry.destination) == ip_address("fd00::1").packed


@pytest.mark.parametrize("mode", [Mode.L2DSR, Mode.LOCAL])
def test_no_outer_header_where_there_is_none(mode: Mode) -> None:
    entry = read(placed(5, mode=mode))
    assert entry.outer == 0
    assert not any(bytes(entry.destination))
    assert entry.ifindex == (7 if mode is Mode.L2DSR else 0)


def test_without_a_next_hop_there_is_no_way_out() -> None:
    assert read(placed(5, hop=None)).ifindex == 0
    assert read(placed(5, hop=replace(HOP, source=None))).ifindex == 0


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_the_constant_sum_leaves_little_to_add(source: Address, destination: Address) -> None:
    """With it a whole header's checksum is right: RFC 791, for a header as it leaves."""
    entry = read(placed(5, address=str(destination), hop=replace(HOP, source=source)))
    tos, length, protocol = 0xB9, 1234, 4
    header = struct.pack("!BBHHHBBH", 0x45, tos, length, 0, 0x4000, 64, protocol, 0)
    header += source.packed + destination.packed
    whole = sum(struct.unpack("!10H", header)) % 0xFFFF
    constant = struct.unpack("!H", struct.pack("=H", entry.checksum))[0]
    assert (constant + tos + length + protocol) % 0xFFFF == whole
