"""What a guard keeps out whatever it is, and what no guard may ever touch."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.all import (
    ARP,
    ICMP,
    IP,
    TCP,
    UDP,
    Ether,
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    Packet,
    Raw,
)

from accel.datapath.guard.actions import Level, Rule
from accel.model.guard import GuardMode, Rate
from accel.model.service import Protocol
from tests.support.guard.guarding import (
    ATTACKED,
    IPIP4,
    OF_VERSION,
    STATES,
    TCP4,
    UDP4,
    stance,
    syn,
)
from tests.support.packets.packets import LINK, VLAN5, leaves, padded, tcp, to_api, udp
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import (
    ANY4,
    ANY_PORT,
    API4,
    API6,
    CLIENT4,
    CLIENT6,
    HOST4,
    HOST6,
    WAYS,
)

FRAGMENT_ON, FRAGMENT_WATCHED = {Rule.FRAGMENT: Level.ON}, {Rule.FRAGMENT: Level.MONITOR}
DATA = Raw(b"x" * 24)


def first_fragment(version: int, header: Packet) -> Packet:
    """Offset 0, and more to come."""
    if version == 4:
        return LINK / to_api(4, flags="MF") / header / DATA
    return LINK / to_api(6) / IPv6ExtHdrFragment(m=1, id=9) / header / DATA


def fragment(name: str, packet: Packet, **more: Any) -> Row:
    version = 4 if packet.type == 0x0800 else 6
    given: dict[str, Any] = {"service": OF_VERSION[version], "backend": 0, **more}
    return Row(name=name, packet=packet, **given)


def forwarded(name: str, packet: Packet, service: str, **more: Any) -> Row:
    given: dict[str, Any] = {"verdict": "FORWARD_NEW", "out": leaves(IPIP4, packet.payload)}
    return Row(name=name, packet=packet, service=service, **{**given, **more})


FRAGMENTS = [
    *(
        fragment(
            f"the first fragment of TCP with {flags} over IPv{version}",
            first_fragment(version, tcp(IPIP4.port, flags)),
            verdict="FIRST_FRAGMENT",
            guards={OF_VERSION[version]: stance(FRAGMENT_ON)},
        )
        for version in (4, 6)
        for flags in ("A", "S", "R", "", "SF")
    ),
    fragment(
        "the first fragment of a known flow",
        first_fragment(4, tcp(IPIP4.port)),
        verdict="FIRST_FRAGMENT",
        before=(LINK / to_api(4) / tcp(IPIP4.port),),
        guards={TCP4: stance(FRAGMENT_ON)},
    ),
    fragment(
        "the first fragment behind another extension header",
        LINK / to_api(6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1) / tcp(IPIP4.port) / DATA,
        verdict="FIRST_FRAGMENT",
        guards={OF_VERSION[6]: stance(FRAGMENT_ON)},
    ),
    *(
        forwarded(
            f"an only fragment over IPv{version}",
            packet,
            OF_VERSION[version],
            guards={OF_VERSION[version]: stance(FRAGMENT_ON)},
        )
        for version, packet in (
            (4, LINK / to_api(4, flags="DF") / tcp(IPIP4.port)),
            (6, LINK / to_api(6) / IPv6ExtHdrFragment(m=0) / tcp(IPIP4.port)),
        )
    ),
    *(
        forwarded(
            f"a first fragment at monitor over IPv{version}",
            first_fragment(version, tcp(IPIP4.port)),
            OF_VERSION[version],
            guards={OF_VERSION[version]: stance(FRAGMENT_WATCHED)},
            noted=("FIRST_FRAGMENT",),
        )
        for version in (4, 6)
    ),
    forwarded(
        "all that is wrong is noted",
        first_fragment(4, tcp(IPIP4.port, "SF")),
        TCP4,
        verdict="FORWARD_SYN",
        guards={TCP4: stance(STATES["watched"])},
        noted=("FIRST_FRAGMENT", "BAD_FLAGS", "UNKNOWN_FLOW"),
    ),
    forwarded("a first fragment while all is quiet", first_fragment(4, tcp(IPIP4.port)), TCP4),
    forwarded(
        "a datagram's first fragment is none of TCP",
        first_fragment(4, udp(IPIP4.port)),
        UDP4,
        guards={UDP4: stance(ATTACKED)},
    ),
    *(
        Row(
            name=f"a later fragment, {state}",
            packet=LINK / to_api(4, frag=9, proto=6) / DATA,
            verdict="FRAGMENT",
            guards={TCP4: stance(levels)},
        )
        for state, levels in STATES.items()
    ),
]

EVERYTHING = dict.fromkeys(Rule, Level.ON)
STRICT = stance(EVERYTHING, **{n: Rate(per_second=1, burst=1) for n in ("syn", "udp", "icmp")})


def quoting(version: int) -> Packet:
    """An error about a connection that the service answered on."""
    header = TCP(sport=IPIP4.port, dport=50000, flags="SA")
    if version == 4:
        error = IP(src="203.0.113.1", dst=API4) / ICMP(type=3, code=4, nexthopmtu=1400)
        return LINK / error / IP(src=API4, dst=CLIENT4) / header
    error = IPv6(src="2001:db8::1", dst=API6) / ICMPv6DestUnreach()
    return LINK / error / IPv6(src=API6, dst=CLIENT6) / header


QUOTES = [
    forwarded(
        f"an ICMP error about a connection over IPv{version}, all rules on",
        quoting(version),
        OF_VERSION[version],
        verdict="FORWARD_ICMP",
        guards={OF_VERSION[version]: STRICT},
    )
    for version in (4, 6)
]
PORTS = [
    forwarded(
        "the guard of any port is not that of the one port",
        LINK / to_api(4, ANY4) / tcp(ANY_PORT),
        "exact-tcp4",
        guards={"any-tcp4": stance(ATTACKED)},
    ),
    Row(
        name="the guard of any port is that of the others",
        packet=LINK / to_api(4, ANY4) / tcp(ANY_PORT + 1),
        verdict="UNKNOWN_FLOW",
        service="any-tcp4",
        backend=0,
        guards={"any-tcp4": stance(ATTACKED)},
    ),
]
ROWS = [*FRAGMENTS, *QUOTES, *PORTS]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)


# What no guard may touch

HOSTS: dict[str, Packet] = {
    "SSH": LINK / IP(src=CLIENT4, dst=HOST4) / TCP(sport=40000, dport=22, flags="S"),
    "SSH over IPv6": LINK / IPv6(src=CLIENT6, dst=HOST6) / TCP(sport=40000, dport=22, flags="S"),
    "an RST": LINK / IP(src=CLIENT4, dst=HOST4) / TCP(sport=40000, dport=22, flags="R", seq=1),
    "no flags": LINK / IP(src=CLIENT4, dst=HOST4) / TCP(sport=40000, dport=22, flags=0),
    "a first fragment": LINK / IP(src=CLIENT4, dst=HOST4, flags="MF") / TCP(dport=443) / DATA,
    "a later one": LINK / IP(src=CLIENT4, dst=HOST4, frag=3, proto=6) / DATA,
    "DNS": LINK / IP(src=CLIENT4, dst=HOST4) / UDP(sport=40000, dport=53) / b"query",
    "a ping": LINK / IP(src=CLIENT4, dst=HOST4) / ICMP() / b"ping",
    "a ping over IPv6": LINK / IPv6(src=CLIENT6, dst=HOST6) / ICMPv6EchoRequest(),
    "a service's address, another port": LINK / to_api(4) / tcp(22, "S"),
    "the same in a tag": LINK / VLAN5 / to_api(4) / tcp(22, "S"),
    "the same, padded": padded(LINK / to_api(4) / tcp(22, "SF")),
    "a service's address and port, SCTP": LINK / to_api(4, proto=132) / DATA,
    "ARP": LINK / ARP(pdst=API4),
    "noise": Ether(type=0x88CC) / DATA,
}


@pytest.mark.parametrize("mode", [GuardMode.AUTH, GuardMode.RETRANSMIT], ids=lambda m: m.name)
@pytest.mark.parametrize("state", [*STATES, "all rules on"])
def test_the_host_s_own_traffic_is_left_alone(rig: Rig, state: str, mode: GuardMode) -> None:
    levels = EVERYTHING if state == "all rules on" else STATES[state]
    rates = {n: Rate(per_second=1, burst=1) for n in ("syn", "udp", "icmp")}
    rig.guard(dict.fromkeys(rig.world.services, stance(levels, mode, **rates)))
    for name, packet in HOSTS.items():
        for _ in range(3):
            done = rig.count(bytes(packet))
            assert (done.action, done.packet) == ("XDP_PASS", bytes(packet)), name
    assert rig.noted() == {}
    assert not any(rig.words(name).any() for name in ("proven", "paces", "first_syns"))


def test_no_guard_looks_at_another_s_packets(rig: Rig) -> None:
    """All others of the world go as they would if there was no guard at all."""
    frames = [
        (name, bytes(LINK / to_api(version) / header))
        for name, version, way in (
            (f"{way.name}-{protocol.name.lower()}{version}", version, way)
            for way in WAYS.values()
            for protocol in Protocol
            for version in (4, 6)
        )
        for header in (
            [tcp(way.port, flags) for flags in ("S", "A", "R", "", "SF", "FPU", "SA")]
            if "tcp" in name
            else [udp(way.port)]
        )
        if name != TCP4
    ]
    unguarded = [rig.trace(frame) for _, frame in frames]
    rig.guard({TCP4: STRICT})
    assert [rig.trace(frame) for _, frame in frames] == unguarded
    assert rig.trace(bytes(syn())).verdict.name == "CHALLENGED"


# Who has which guard, as services come and go


def verdict(rig: Rig, packet: Packet) -> str:
    return rig.trace(bytes(packet)).verdict.name


def test_a_guard_outlives_a_change_of_its_service(rig: Rig) -> None:
    rig.guard({"pool-tcp4": stance(ATTACKED)})
    packet = LINK / to_api(4) / tcp(WAYS["pool"].port, "S")
    rig.world.remove_backend("pool-tcp4", rig.world.numbers("pool-tcp4")[0])
    rig.datapath.steering.put([rig.world.services["pool-tcp4"]])
    assert verdict(rig, packet) == "CHALLENGED"
    rig.place()
    assert verdict(rig, packet) == "CHALLENGED"


def test_a_service_that_comes_back_has_no_guard(rig: Rig) -> None:
    rig.guard({TCP4: stance(ATTACKED)})
    placed = rig.world.services[TCP4]
    rig.datapath.steering.put([], removed=[placed.index])
    assert verdict(rig, syn()) == "NOT_SERVICE"
    rig.datapath.steering.put([placed])
    assert verdict(rig, syn()) == "FORWARD_SYN"


def test_icmp_finds_the_guard_that_is_left(rig: Rig) -> None:
    """Of an address's guarded services the first one says how much; then it goes."""
    rate = {"icmp": Rate(per_second=1, burst=1)}
    first, second = rig.world.services[TCP4], rig.world.services["gue4-tcp4"]
    rig.guard({TCP4: stance({Rule.FLAGS: Level.ON})})
    rig.guard({"gue4-tcp4": stance({Rule.ICMP_RATE: Level.ON}, **rate)})
    ping = LINK / IP(src=CLIENT4, dst=API4) / ICMP()
    rig.count(bytes(ping))
    assert verdict(rig, ping) == "ECHO"
    rig.datapath.steering.put([], removed=[first.index])
    rig.count(bytes(ping))
    assert verdict(rig, ping) == "ICMP_RATE"
    rig.datapath.steering.put([], removed=[second.index])
    assert verdict(rig, ping) == "ECHO"
    rig.place()
