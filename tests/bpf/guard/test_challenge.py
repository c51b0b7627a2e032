"""Mode auth: what an unproven source's SYN is answered with, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scapy.all import (
    AH,
    TCP,
    IPOption_NOP,
    IPOption_RR,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Packet,
    Padding,
    Raw,
)

from tests.support.guard.guarding import (
    ATTACKED,
    IPIP4,
    OF_VERSION,
    SPARE,
    challenge,
    number,
    stance,
    syn,
)
from tests.support.packets.packets import LINK, LINK_BACK, QINQ, VLAN5, padded, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check

ON = stance(ATTACKED)


def challenged(name: str, packet: Packet, version: int = 4, link: Packet = LINK_BACK) -> Row:
    return Row(
        name=f"challenged over IPv{version}: {name}",
        packet=packet,
        verdict="CHALLENGED",
        service=OF_VERSION[version],
        backend=0,
        out=challenge(packet, link),
        guards={OF_VERSION[version]: ON},
    )


TCP_OPTIONS = {
    "none": [],
    "Linux": [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)],
    "Windows": [("MSS", 1460), ("NOP", None), ("WScale", 8), ("NOP", None), ("NOP", None),
                ("SAckOK", b"")],
    "all 40 bytes": [("Timestamp", (1, 2))] * 4,
    "end of options": [("MSS", 536), ("EOL", None)],
    "a length of 0": [(254, b"")] * 2,
    "fast open": [("MSS", 1460), (34, b"12345678")],
}  # fmt: skip
CHALLENGED = [
    row
    for version in (4, 6)
    for row in (
        *(
            challenged(
                f"options {name}",
                LINK / to_api(version) / tcp(IPIP4.port, "S", options=options),
                version,
            )
            for name, options in TCP_OPTIONS.items()
        ),
        *(
            challenged(f"flags {flags}", LINK / to_api(version) / tcp(IPIP4.port, flags), version)
            for flags in ("SP", "SU", "SPU", "SE", "SC", "SEC")
        ),
        *(
            challenged(
                f"{size} bytes of data",
                LINK / to_api(version) / tcp(IPIP4.port, "S") / Raw(b"x" * size),
                version,
            )
            for size in (1, 6, 7, 1000)
        ),
        *(
            challenged(f"padded to {size}", padded(syn(version), size), version)
            for size in (60, 64, 128, 1514)
        ),
        *(
            challenged(
                f"{count} tags",
                LINK / tags / syn(version).payload,
                version,
                LINK_BACK / tags,
            )
            for count, tags in ((1, VLAN5), (2, QINQ))
        ),
        challenged(
            "2 tags and padding",
            LINK / QINQ / syn(version).payload / Padding(b"x" * 9),
            version,
            LINK_BACK / QINQ,
        ),
    )
]
IPV4_FIELDS: dict[str, dict[str, Any]] = {
    "4 bytes of IP options": {"options": [IPOption_NOP()] * 4},
    "40 bytes of IP options": {"options": [IPOption_NOP()] * 40},
    "record route": {"options": [IPOption_RR(routers=["0.0.0.0"] * 3)]},
    "DSCP and ECN, which are not taken over": {"tos": 0xB9},
    "TTL 1": {"ttl": 1},
    "may be fragmented": {"flags": 0},
    "wrong checksum": {"chksum": 1},
}
OF_IPV4 = [
    challenged(name, LINK / to_api(4, **fields) / tcp(IPIP4.port, "S"))
    for name, fields in IPV4_FIELDS.items()
]
OF_IPV6 = [
    challenged(name, LINK / to_api(6) / headers / tcp(IPIP4.port, "S"), 6)
    for name, headers in {
        "hop by hop": IPv6ExtHdrHopByHop(),
        "destination options": IPv6ExtHdrDestOpt(),
        "an atomic fragment": IPv6ExtHdrFragment(id=9),
        "routing, at its end": IPv6ExtHdrRouting(segleft=0),
        "authentication": AH(nh=6, spi=1, seq=2, icv=b"x" * 12, payloadlen=4),
        "four of them": IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrRouting(segleft=0)
        / IPv6ExtHdrDestOpt(),
    }.items()
]


def sequence_of(wanted: Callable[[int], int]) -> Packet:
    """A SYN whose sequence number is chosen by the challenge that it would get."""
    packet = syn()
    packet[TCP].seq = wanted(number(packet)) % (1 << 32)
    return packet


NUMBERS = [
    challenged("its own number, less 1", sequence_of(lambda n: n - 1)),
    challenged("its own number", sequence_of(lambda n: n)),
    challenged("its own number, less 2", sequence_of(lambda n: n - 2)),
    challenged("the greatest sequence number", sequence_of(lambda n: 0xFFFFFFFF)),
]


def test_a_challenge_never_acknowledges_the_syn() -> None:
    packet = sequence_of(lambda n: n - 1)
    assert number(packet) == (packet[TCP].seq + 1) ^ SPARE
    assert challenge(packet)[TCP].ack != packet[TCP].seq + 1


ROWS = [*CHALLENGED, *OF_IPV4, *OF_IPV6, *NUMBERS]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)
