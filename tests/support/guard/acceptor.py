"""The program of `accel backend run`: its keys, segments that acknowledge cookies, its verdicts."""

from __future__ import annotations

import socket

from scapy.all import IP, TCP, Ether, IPv6, Packet

from accel.backend.cookie_acceptor import Accept, CookieKeys
from accel.datapath.guard.actions import Stance
from accel.lab.namespace import Namespace
from accel.model.guard_secret import COOKIE, derive_key, keys_around
from tests.model.cookie_model import Asked, cookie, option_bits

SECRET = bytes(range(32))
NOW = 29_700_002  # a generation
NOWS = [0.0]  # what the agent's clock says
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
SERVER = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
ISN = 0xFFFF_FFFF
LINUX = Asked(mss=1460, scale=7, sack=True, time=b"\0\0\0\7")
TIMESTAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (8, 5))]
# A test run's packet is not at TC ingress, where alone the kernel gives request sockets.
TAKEN = ("accepted", "refused")
ACTION = {"PASS": 0xFFFF_FFFF, "DROP": 2}  # TCX_NEXT, TCX_DROP


def keys(generation: int = NOW) -> CookieKeys:
    return CookieKeys(generation=generation, keys=keys_around(SECRET, COOKIE, generation))


def verdict(accept: Accept, home: Namespace, packet: Packet) -> str:
    """What the program makes of it."""
    before = accept.counts()
    with home.entered():
        action = accept.run(bytes(packet)).action
    (seen,) = (v for v, count in accept.counts().items() if count != before[v])
    assert action == ACTION[seen.action]
    return seen.name


def acknowledging(
    version: int,
    port: int,
    *,
    generation: int = NOW,
    seq: int = 1,
    ack: int = 1,
    announced: int = Stance().wscale,
    asked: Asked = LINUX,
    flags: str = "A",
    between: Packet | None = None,
    secret: bytes = SECRET,
    client: int = 40001,
    server: str = "",
) -> Packet:
    """The segment that acknowledges a gateway's cookie."""
    source, server = CLIENT[version], server or SERVER[version]
    made = cookie(
        derive_key(secret, COOKIE, generation),
        generation,
        socket.inet_pton(FAMILY[version], source),
        socket.inet_pton(FAMILY[version], server),
        (40001).to_bytes(2, "big") + port.to_bytes(2, "big"),
        isn=ISN,
        bits=option_bits(version, asked, ecn=False),
        announced=announced,
    )
    ip = IP(src=source, dst=server) if version == 4 else IPv6(src=source, dst=server)
    header = TCP(
        sport=client,
        dport=port,
        flags=flags,
        seq=(ISN + seq) % 2**32,
        ack=(made + ack) % 2**32,
        options=TIMESTAMPS if asked.time else [],
    )
    return Ether() / (ip / between if between else ip) / header
