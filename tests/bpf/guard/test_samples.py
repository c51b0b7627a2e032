"""Samples of what is not let through: whose they are, how many, and that they are bounded."""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from scapy.all import ICMP, IP, Packet

from accel.datapath.guard.actions import Level, Rule
from accel.datapath.layout import CONSTANTS
from accel.datapath.samples import weights
from accel.model.guard import Rate
from accel.verdicts import Verdict
from tests.support.guard.guarding import ATTACKED, IPIP4, TCP4, TCP6, UDP4, stance, syn
from tests.support.packets.packets import CLIENT_PORT, LINK, QINQ, padded, tcp, to_api, udp
from tests.support.packets.rig import Rig
from tests.support.packets.world import API4, API6, CLIENT4, CLIENT6

EVERY = CONSTANTS["SAMPLE_EVERY"]
_SAMPLE = struct.Struct("=16s16s2s2sHBBIIQ")  # struct sample of bpf/maps/guard.h
RATES = {name: Rate(per_second=1, burst=1) for name in ("udp", "icmp")}
LEVELS = {**ATTACKED, Rule.UDP_RATE: Level.ON, Rule.ICMP_RATE: Level.ON}


@dataclass(frozen=True)
class Sample:
    """One record."""

    source: str
    destination: str
    ports: tuple[int, int]
    length: int
    protocol: int
    flags: int
    service: int
    verdict: str
    count: int


def taken(rig: Rig) -> list[Sample]:
    """The samples since the last time."""
    return [_read(record) for record in rig.take_samples()]


def _read(record: bytes) -> Sample:
    source, destination, sport, dport, length, protocol, flags, service, verdict, count = (
        _SAMPLE.unpack(record)
    )
    return Sample(
        source=_address(source),
        destination=_address(destination),
        ports=(int.from_bytes(sport, "big"), int.from_bytes(dport, "big")),
        length=length,
        protocol=protocol,
        flags=flags,
        service=service,
        verdict=Verdict(verdict).name,
        count=count,
    )


def _address(data: bytes) -> str:
    mapped = data[:12] == bytes(10) + b"\xff\xff"
    return str(ip_address(data[12:] if mapped else data))


PORTS = (CLIENT_PORT, IPIP4.port)
SAMPLED: dict[str, tuple[Packet, str, int]] = {
    "CHALLENGED": (syn(), TCP4, 0x02),
    "BAD_FLAGS": (LINK / QINQ / to_api(4) / tcp(IPIP4.port, "SFE"), TCP4, 0x43),
    "UNKNOWN_FLOW": (padded(LINK / to_api(4) / tcp(IPIP4.port, "PA")), TCP4, 0x18),
    "FIRST_FRAGMENT": (LINK / to_api(4, flags="MF") / tcp(IPIP4.port), TCP4, 0x10),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_says_whose_packet_it_was(rig: Rig, name: str) -> None:
    packet, service, flags = SAMPLED[name]
    rig.guard({service: stance(LEVELS)})
    rig.trace(bytes(packet))
    assert taken(rig) == [], "what is explained is no sample"
    rig.count(bytes(packet))
    assert taken(rig) == [
        Sample(
            CLIENT4, API4, PORTS, len(packet), 6, flags, rig.world.services[service].index, name, 1
        )
    ]


def test_a_sample_over_ipv6(rig: Rig) -> None:
    rig.guard({TCP6: stance(LEVELS)})
    frame = bytes(syn(6))
    rig.count(frame)
    index = rig.world.services[TCP6].index
    assert taken(rig) == [
        Sample(CLIENT6, API6, PORTS, len(frame), 6, 2, index, "CHALLENGED", 1),
    ]


def test_samples_of_udp_and_icmp(rig: Rig) -> None:
    rig.guard({UDP4: stance(LEVELS, **RATES)})
    query = bytes(LINK / to_api(4) / udp(IPIP4.port) / b"q")
    ping = bytes(LINK / IP(src=CLIENT4, dst=API4) / ICMP())
    for frame in (query, query, ping, ping):
        rig.count(frame)
    index = rig.world.services[UDP4].index
    assert taken(rig) == [
        Sample(CLIENT4, API4, PORTS, len(query), 17, 0, index, "UDP_RATE", 1),
        Sample(CLIENT4, API4, (0, 0), len(ping), 1, 0, 0, "ICMP_RATE", 1),
    ]


def test_what_goes_on_or_is_only_noted_is_no_sample(rig: Rig) -> None:
    rig.guard({TCP4: stance(dict.fromkeys(Rule, Level.MONITOR))})
    for flags in ("S", "A", "", "SF", "R"):
        rig.count(bytes(LINK / to_api(4) / tcp(IPIP4.port, flags)))
    assert rig.noted()
    assert taken(rig) == []


def test_samples_become_fewer_as_the_packets_become_more(rig: Rig) -> None:
    """The 1st, 2nd, 4th, 8th, ... and from there on each that is a multiple of EVERY."""
    rig.guard({TCP4: stance(ATTACKED)})
    frame = bytes(syn())
    for _ in range(5 * EVERY):
        rig.count(frame)
    wanted = [n for n in range(1, 5 * EVERY + 1) if n & (n - 1) == 0 or n % EVERY == 0]
    # Each CPU counts for itself: whoever runs this may be moved from one to another.
    counts = sorted(sample.count for sample in taken(rig))
    assert set(counts) <= set(wanted)
    assert counts[-1] >= EVERY
    assert len(counts) <= 2 * len(wanted)


def test_the_reader_reads_them_and_knows_what_each_stands_for(rig: Rig) -> None:
    """The weights add up to what was counted, but for where the first are told from the rest."""
    rig.guard({TCP4: stance(ATTACKED)})
    rig.datapath.guards.read_samples()
    frame, cpus = bytes(syn()), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})  # each CPU counts for itself
    try:
        for _ in range(3 * EVERY):
            rig.count(frame)
    finally:
        os.sched_setaffinity(0, cpus)
    samples = rig.datapath.guards.read_samples()
    assert 3 * EVERY <= weights(samples).sum() < 3.6 * EVERY
    assert len(rig.datapath.guards.read_samples()) == 0
    first = samples[0]
    assert [Verdict(v).name for v in set(samples["verdict"].tolist())] == ["CHALLENGED"]
    assert first["source"].tobytes()[-4:] == ip_address(CLIENT4).packed
    assert first["destination"].tobytes()[-4:] == ip_address(API4).packed
    assert (int(first["source_port"]), int(first["destination_port"])) == PORTS
    assert (int(first["length"]), int(first["protocol"])) == (len(frame), 6)
    assert int(first["service"]) == rig.world.services[TCP4].index


def test_the_reader_goes_round_the_ring(rig: Rig) -> None:
    rig.guard({TCP4: stance(ATTACKED)})
    rig.datapath.guards.read_samples()
    frame, size = bytes(syn()), CONSTANTS["SAMPLE_PAGES"] * mmap.PAGESIZE // (_SAMPLE.size + 8)
    for number in (1, size // 2, size // 2 + 7, 3, size - 20):
        for _ in range(number):
            rig.words("counters")[:] = 0  # each is the first one, then
            rig.count(frame)
        samples = rig.datapath.guards.read_samples()
        assert len(samples) == number
        assert set(samples["count"].tolist()) == {1}


def test_a_ring_that_nobody_reads_is_full_and_no_packet_minds(rig: Rig) -> None:
    rig.guard({TCP4: stance(ATTACKED)})
    frame = bytes(syn())
    room = CONSTANTS["SAMPLE_PAGES"] * 4096 // (_SAMPLE.size + 8)
    for _ in range(room + 100):
        rig.words("counters")[:] = 0
        assert rig.count(frame).action == "XDP_TX"
    assert len(taken(rig)) <= room
    rig.words("counters")[:] = 0
    rig.count(frame)
    assert len(taken(rig)) == 1
