"""Each protocol in each mode, over both IP versions, and what the outer headers take over."""

from __future__ import annotations

import pytest
from scapy.all import IPOption_NOP, IPOption_RR, Packet

from tests.support.packets.packets import (
    DSCP_ECN,
    LINK,
    QINQ,
    VLAN5,
    leaves,
    padded,
    tcp,
    to_api,
    transport,
    udp,
)
from tests.support.packets.rig import Rig
from tests.support.packets.row import Row, check
from tests.support.packets.world import ANY4, ANY6, ANY_PORT, WAYS, Way

IPIP4, GUE4, L2DSR = WAYS["ipip4"], WAYS["gue4"], WAYS["l2dsr"]

api_syn = LINK / to_api(4) / tcp(IPIP4.port, "S", options=[("MSS", 1460), ("SAckOK", b"")])
api_syn_encapsulated = leaves(IPIP4, api_syn.payload)
api_ack = LINK / to_api(4) / tcp(IPIP4.port)
api_ack_encapsulated = leaves(IPIP4, api_ack.payload)
api_syn6 = LINK / to_api(6) / tcp(IPIP4.port, "S")
api_syn6_encapsulated = leaves(IPIP4, api_syn6.payload)
api_query = LINK / to_api(4) / udp(GUE4.port) / b"query"
api_query_encapsulated = leaves(GUE4, api_query.payload)


def action(way: Way) -> str:
    return {"local": "XDP_PASS", "hairpin": "XDP_TX"}.get(way.name, "XDP_REDIRECT")


def forwarded(
    name: str,
    packet: Packet,
    way: Way,
    service: str,
    verdict: str = "FORWARD_NEW",
    inner: Packet | None = None,
    before: tuple[Packet, ...] = (),
) -> Row:
    """A row whose packet leaves by `way`; `inner` is its IP packet, where links are stacked."""
    out = None if way.name == "local" else leaves(way, packet.payload if inner is None else inner)
    return Row(
        name=name,
        packet=packet,
        verdict=verdict,
        service=service,
        out=out,
        action=action(way),
        before=before,
    )


MODES = [
    forwarded(
        f"{protocol}{version} by {way.name}",
        LINK / to_api(version) / transport(protocol, way.port),
        way,
        f"{way.name}-{protocol}{version}",
    )
    for protocol in ("tcp", "udp")
    for version in (4, 6)
    for way in WAYS.values()
    if way.backends == 1
]

VERDICTS = [
    Row(
        name="a SYN",
        packet=api_syn,
        verdict="FORWARD_SYN",
        service="ipip4-tcp4",
        out=api_syn_encapsulated,
    ),
    Row(
        name="a SYN over IPv6",
        packet=api_syn6,
        verdict="FORWARD_SYN",
        service="ipip4-tcp6",
        out=api_syn6_encapsulated,
    ),
    Row(
        name="a SYN sent twice",
        packet=api_syn,
        verdict="FORWARD_SYN",
        service="ipip4-tcp4",
        out=api_syn_encapsulated,
        before=(api_syn,),
    ),
    Row(
        name="the first ACK",
        packet=api_ack,
        verdict="FORWARD_NEW",
        service="ipip4-tcp4",
        out=api_ack_encapsulated,
        before=(api_syn,),
    ),
    Row(
        name="the second ACK",
        packet=api_ack,
        verdict="FORWARD_FLOW",
        service="ipip4-tcp4",
        out=api_ack_encapsulated,
        before=(api_syn, api_ack),
    ),
    Row(
        name="a SYN of a known flow",
        packet=api_syn,
        verdict="FORWARD_FLOW",
        service="ipip4-tcp4",
        out=api_syn_encapsulated,
        before=(api_ack,),
    ),
    Row(
        name="the first datagram",
        packet=api_query,
        verdict="FORWARD_NEW",
        service="gue4-udp4",
        out=api_query_encapsulated,
    ),
    Row(
        name="the second datagram",
        packet=api_query,
        verdict="FORWARD_FLOW",
        service="gue4-udp4",
        out=api_query_encapsulated,
        before=(api_query,),
    ),
    Row(
        name="no backend at all",
        packet=LINK / to_api(4) / tcp(WAYS["empty"].port),
        verdict="NO_BACKEND",
        service="empty-tcp4",
    ),
    Row(
        name="no headroom for the outer header",
        packet=api_ack,
        verdict="NO_ROOM",
        service="ipip4-tcp4",
        metadata=200,
        traced=False,
    ),
]

FLAGS = [
    forwarded(
        f"TCP flags {flags or 'none'}",
        LINK / to_api(4) / tcp(IPIP4.port, flags),
        IPIP4,
        "ipip4-tcp4",
        "FORWARD_SYN" if "S" in flags else "FORWARD_NEW",
    )
    for flags in ("", "F", "FA", "PA", "SA", "SEC", "SF", "R", "RA", "FPU", "FSRPAUEC")
]

CLASSES = [
    forwarded(
        f"DSCP and ECN of IPv{version} by {way.name}",
        LINK / to_api(version, **{field: DSCP_ECN}) / tcp(way.port),
        way,
        f"{way.name}-tcp{version}",
    )
    for version, field in ((4, "tos"), (6, "tc"))
    for way in WAYS.values()
    if way.name in ("ipip4", "ipip6", "gue4", "gue6", "l2dsr", "tagged")
]

# What came with VLAN tags leaves with those of its way, and no others.
TAGS = [
    forwarded(
        f"IPv{version} in {count} tags by {way.name}",
        LINK / tags / to_api(version) / tcp(way.port),
        way,
        f"{way.name}-tcp{version}",
        inner=to_api(version) / tcp(way.port),
    )
    for count, tags in ((1, VLAN5), (2, QINQ))
    for version in (4, 6)
    for way in WAYS.values()
    if way.backends == 1
]

OPTIONS = [
    forwarded(
        f"IPv4 options of {4 * words} bytes by {way.name}",
        LINK / to_api(4, options=[IPOption_NOP()] * 4 * words) / transport(protocol, way.port),
        way,
        f"{way.name}-{protocol}4",
    )
    for words in (1, 5, 10)
    for protocol in ("tcp", "udp")
    for way in (IPIP4, WAYS["gue6"], L2DSR)
] + [
    forwarded(
        "a record route option",
        LINK / to_api(4, options=[IPOption_RR(routers=["0.0.0.0"] * 3)]) / tcp(IPIP4.port),
        IPIP4,
        "ipip4-tcp4",
    )
]

# The outer length comes from the IP length, and the padding stays behind the packet.
PADDING = [
    forwarded(
        f"{protocol}{version} in a frame of {size} bytes by {way.name}",
        padded(LINK / to_api(version) / header, size),
        way,
        f"{way.name}-{protocol}{version}",
    )
    for size in (60, 64, 128)
    for version in (4, 6)
    for way in (IPIP4, WAYS["gue6"], L2DSR)
    for protocol, header in (("tcp", tcp(way.port)), ("udp", udp(way.port)))
]

PORTS = [
    forwarded(
        f"port {port} of {name} over IPv{version}",
        LINK / to_api(version, api) / tcp(port),
        IPIP4,
        f"{name}-tcp{version}",
    )
    for version, api in ((4, ANY4), (6, ANY6))
    for port, name in ((ANY_PORT, "exact"), (ANY_PORT + 1, "any"), (0, "any"), (65535, "any"))
]

ROWS = [*MODES, *VERDICTS, *FLAGS, *CLASSES, *TAGS, *OPTIONS, *PADDING, *PORTS]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(rig: Rig, row: Row) -> None:
    check(rig, row)
