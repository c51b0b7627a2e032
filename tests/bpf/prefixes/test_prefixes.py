"""Allowed and denied prefixes: whose packets are kept out, and whose no guard looks at."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

import pytest
from scapy.all import ICMP, Dot1Q, ICMPv6EchoRequest, IPv6ExtHdrDestOpt, Packet, Raw

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.address import Address
from accel.model.guard import Rate
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes, network_of
from accel.verdicts import Verdict
from tests.support.guard.guarding import (
    ATTACKED,
    IPIP4,
    OF_VERSION,
    TCP4,
    TCP6,
    UDP4,
    rst,
    stance,
    syn,
)
from tests.support.packets.packets import LINK, QINQ, VLAN5, leaves, tcp, to_api, udp
from tests.support.packets.rig import LIMITS, Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import CLIENT4, HOST4, HOST6, WAYS

ON = {Rule.PREFIX: Level.ON}
MONITOR = {Rule.PREFIX: Level.MONITOR}
# CLIENT4 is 198.51.100.7, CLIENT6 is 2001:db8:c::7.
FRIEND4, FRIEND6 = "198.51.100.8", "2001:db8:c::8"
WORST4, WORST6 = "198.51.100.9", "2001:db8:c:1::9"
LISTED = {
    "198.51.100.0/24": True,
    "198.51.100.8/31": False,
    "198.51.100.9": True,
    "2001:db8:c::/48": True,
    "2001:db8:c::8/125": False,
    "2001:db8:c:1::/64": True,
    "8.0.0.0/5": True,  # shorter than a block
    "2400::/12": True,
}
NARROW = Rate(per_second=1, burst=1)


def prefixes(listed: dict[str, bool]) -> Prefixes:
    return Prefixes.of((ip_network(text), deny) for text, deny in listed.items())


@pytest.fixture
def listed(rig: Rig) -> Iterator[Rig]:
    """The prefixes in the maps, until the end of the test."""
    rig.datapath.prefixes.plan(prefixes(LISTED), only=True)()
    yield rig
    rig.datapath.prefixes.plan(prefixes({}), only=True)()


@pytest.fixture
def explains(rig: Rig) -> Rig:
    """Where the kernel says what becomes of a packet."""
    if not rig.traces:
        pytest.skip("this kernel explains no packets")
    return rig


def guarded(*levels: dict[Rule, Level], **rates: Rate) -> dict[str, Stance]:
    merged = {rule: level for each in levels for rule, level in each.items()}
    return dict.fromkeys((TCP4, TCP6, UDP4), stance(merged, **rates))


def denied(name: str, packet: Packet, service: str) -> Row:
    return Row(
        name=f"denied: {name}",
        packet=packet,
        verdict="DENIED",
        service=service,
        backend=0,
        guards=guarded(ON, ATTACKED),
    )


def passes(name: str, packet: Packet, service: str, **more: Any) -> Row:
    """To its backend, stored or not as its kind is."""
    fields: dict[str, Any] = {"verdict": "FORWARD_NEW", "guards": guarded(ON, ATTACKED), **more}
    body = packet[Dot1Q].payload if Dot1Q in packet else packet.payload
    return Row(name=name, packet=packet, service=service, out=leaves(IPIP4, body), **fields)


DATA = tcp(IPIP4.port) / b"GET / HTTP/1.1\r\n\r\n"
QUERY = udp(IPIP4.port) / b"?"
ROWS = [
    *(
        denied(f"{name} over IPv{version}", packet, service or OF_VERSION[version])
        for version, extension in ((4, None), (6, IPv6ExtHdrDestOpt()))
        for name, packet, service in (
            ("a SYN", syn(version), ""),
            ("data", LINK / to_api(version) / DATA, ""),
            ("an RST", rst(7, version), ""),
            ("all flags", LINK / to_api(version) / tcp(IPIP4.port, "FSRPAUEC"), ""),
            ("a tag", LINK / VLAN5 / syn(version).payload, ""),
            ("two tags", LINK / QINQ / syn(version).payload, ""),
            (
                "options or an extension header",
                LINK / to_api(version) / extension / DATA
                if extension
                else LINK / to_api(4, options=[b"\x01" * 4]) / DATA,
                "",
            ),
        )
    ),
    denied("a datagram", LINK / to_api(4) / QUERY, UDP4),
    denied("the address in an allowed pair", LINK / to_api(4, src=WORST4) / DATA, TCP4),
    denied("the longer of two", LINK / to_api(6, src=WORST6) / DATA, TCP6),
    denied("one shorter than a /16", LINK / to_api(4, src="15.255.0.1") / DATA, TCP4),
    denied("one shorter than a /32", LINK / to_api(6, src="240f::1") / DATA, TCP6),
    denied(
        "a first fragment", LINK / to_api(4, flags="MF") / tcp(IPIP4.port) / Raw(b"x" * 24), TCP4
    ),
    *(
        Row(
            name=f"denied: a ping over IPv{version}",
            packet=LINK / to_api(version) / ping,
            verdict="DENIED",
            guards=guarded(ON),
        )
        for version, ping in ((4, ICMP(id=1, seq=1)), (6, ICMPv6EchoRequest(id=1, seq=1)))
    ),
    # Who is allowed is looked at by no guard.
    passes("allowed: a SYN under attack", syn(src=FRIEND4), TCP4, verdict="FORWARD_SYN"),
    passes("allowed: a SYN over IPv6", syn(6, src=FRIEND6), TCP6, verdict="FORWARD_SYN"),
    passes("allowed: a stray under attack", LINK / to_api(4, src=FRIEND4) / DATA, TCP4),
    passes("allowed: a stray, tagged", LINK / VLAN5 / to_api(6, src=FRIEND6) / DATA, TCP6),
    passes(
        "allowed: flags that no client sends",
        LINK / to_api(4, src=FRIEND4) / tcp(IPIP4.port, "FPU"),
        TCP4,
    ),
    passes(
        "allowed: more datagrams than a source may send",
        LINK / to_api(4, src=FRIEND4) / QUERY,
        UDP4,
        verdict="FORWARD_FLOW",
        before=(LINK / to_api(4, src=FRIEND4) / QUERY,) * 5,
        guards=guarded(ON, {Rule.UDP_RATE: Level.ON}, udp=NARROW),
    ),
    # Who is of no prefix goes on to the other checks.
    Row(
        name="of no prefix: a SYN without ports of a flow goes on to the rates",
        packet=LINK / to_api(4, src="192.0.2.200") / QUERY,
        verdict="UDP_RATE",
        service=UDP4,
        backend=0,
        before=(LINK / to_api(4, src="192.0.2.200") / QUERY,) * 2,
        guards=guarded(ON, {Rule.UDP_RATE: Level.ON}, udp=NARROW),
        traced=False,
    ),
    passes("of no prefix", LINK / to_api(4, src="16.0.0.1") / DATA, TCP4, guards=guarded(ON)),
    passes("of no prefix of its version", LINK / to_api(6, src=f"::ffff:{CLIENT4}") / DATA, TCP6,
           guards=guarded(ON)),
    # What is not guarded is left alone.
    *(
        Row(
            name=f"for no service over IPv{version}: left alone",
            packet=LINK / to_api(version, host) / DATA,
            verdict="NOT_SERVICE",
            guards=guarded(ON),
        )
        for version, host in ((4, HOST4), (6, HOST6))
    ),
    Row(
        name="for a port of no service: left alone",
        packet=LINK / to_api(4) / tcp(22),
        verdict="NOT_SERVICE",
        guards=guarded(ON),
    ),
    Row(
        name="for a service that nobody guards: left alone",
        packet=LINK / to_api(4) / tcp(WAYS["gue4"].port) / b"x",
        verdict="FORWARD_NEW",
        service="gue4-tcp4",
        out=leaves(WAYS["gue4"], to_api(4) / tcp(WAYS["gue4"].port) / b"x"),
        guards=guarded(ON),
    ),
    Row(
        name="a later fragment is dropped as one",
        packet=LINK / to_api(4, frag=9, proto=6) / Raw(b"x" * 24),
        verdict="FRAGMENT",
        guards=guarded(ON),
    ),
    # At level monitor.
    passes("noted: data", LINK / to_api(4) / DATA, TCP4, guards=guarded(MONITOR),
           noted=("DENIED",)),
    passes("noted: over IPv6", LINK / VLAN5 / to_api(6) / DATA, TCP6, guards=guarded(MONITOR),
           noted=("DENIED",)),
    passes("noted: who is allowed is not", LINK / to_api(4, src=FRIEND4) / DATA, TCP4,
           guards=guarded(MONITOR)),
    Row(
        name="monitor: who would be allowed is looked at",
        packet=LINK / to_api(4, src=FRIEND4) / DATA,
        verdict="UNKNOWN_FLOW",
        service=TCP4,
        backend=0,
        guards=guarded(MONITOR, ATTACKED),
    ),
    passes("off", LINK / to_api(4) / DATA, TCP4,
           guards=guarded({Rule.PREFIX: Level.OFF, Rule.SYN: Level.ON})),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_rows(listed: Rig, row: Row) -> None:
    check(listed, row)


def test_a_known_flow_is_denied_from_now_on(explains: Rig) -> None:
    rig = explains
    frame = bytes(LINK / to_api(4) / DATA)
    rig.guard(guarded(ON))
    assert rig.count(frame).action == "XDP_REDIRECT"
    rig.datapath.prefixes.plan(prefixes(LISTED))()
    assert rig.trace(frame).verdict.name == "DENIED"
    rig.datapath.prefixes.plan(prefixes({}), prefixes({"198.51.100.0/24": True}))()
    outcome = rig.trace(frame)
    assert outcome.verdict.name == "FORWARD_FLOW"
    rig.datapath.prefixes.plan(prefixes({}), only=True)()
    assert rig.trace(frame) == outcome


def test_without_prefixes_another_program_is_run(rig: Rig) -> None:
    before = rig.datapath.program
    rig.datapath.prefixes.plan(prefixes(LISTED))()
    assert rig.datapath.program != before
    assert len(rig.datapath.prefixes) == len(LISTED)
    rig.datapath.prefixes.plan(prefixes({}), only=True)()
    assert rig.datapath.program == before


def drawn(random: Random, version: int) -> Address:
    """Few, so that prefixes are within each other; on both sides of the length of a block."""
    if version == 4:
        return ip_address(random.choice((0x0A0A0000, 0x0A0B0000, 0xC6330000)) + random.randrange(8))
    return ip_address((0x20010DB8 + random.randrange(3) << 96) + (random.randrange(8) << 61))


def longest(listed: dict[Network, bool], address: Address) -> bool | None:
    """The oracle: whether it is denied; None if no prefix has it."""
    found = [n for n in listed if n.version == address.version and address in n]
    return listed[max(found, key=lambda n: n.prefixlen)] if found else None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", [4, 6])
def test_the_longest_prefix_decides(explains: Rig, version: int, seed: int) -> None:
    rig = explains
    random = Random(seed)
    bits = 32 if version == 4 else 128
    lengths = random.sample(range(bits + 1), 12)
    listed = {
        network_of(drawn(random, version), random.choice(lengths)): random.random() < 0.5
        for _ in range(60)
    }
    rig.guard(guarded(ON, {Rule.UNKNOWN: Level.ON}))
    rig.datapath.prefixes.plan(Prefixes.of(listed.items()), only=True)()
    expected = {True: "DENIED", False: "FORWARD_NEW", None: "UNKNOWN_FLOW"}
    for _ in range(150):
        source = drawn(random, version) + random.randrange(3)
        outcome = rig.trace(bytes(LINK / to_api(version, src=str(source)) / DATA))
        assert outcome.verdict is Verdict[expected[longest(listed, source)]], source
        found = rig.datapath.prefixes.lookup(source)
        assert (found and found[1]) == longest(listed, source)
    rig.datapath.prefixes.plan(prefixes({}), only=True)()


def test_many_prefixes_with_all_buckets_in_use(explains: Rig) -> None:
    rig = explains
    random = Random(7)
    denied_ones = random.sample(range(1 << 24, 1 << 31), LIMITS.prefixes)
    rig.guard(guarded(ON))
    everyone = {network_of(ip_address(n)): True for n in denied_ones}
    rig.datapath.prefixes.plan(Prefixes.of(everyone.items()), only=True)()
    for n in denied_ones:
        verdict = rig.trace(bytes(LINK / to_api(4, src=str(ip_address(n))) / DATA)).verdict.name
        assert verdict == "DENIED"
    for n in denied_ones[:100]:
        source = ip_address(n ^ 1)
        if network_of(source) not in everyone:
            frame = bytes(LINK / to_api(4, src=str(source)) / DATA)
            assert rig.trace(frame).verdict.name == "FORWARD_NEW"
    rig.datapath.prefixes.plan(prefixes({}), only=True)()
