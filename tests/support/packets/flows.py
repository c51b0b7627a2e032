"""Packets of flows, and what the flow cache knows of them."""

from __future__ import annotations

from functools import cache

import numpy as np
from scapy.all import ICMP, IP, TCP, Packet

from accel.datapath.layout import CONSTANTS
from tests.support.packets.of_clients import OfClients
from tests.support.packets.packets import CLIENT_PORT, LINK, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.world import API4, CLIENT4, WAYS

POOL = WAYS["pool"]
TCP4, UDP4, TCP6 = "pool-tcp4", "pool-udp4", "pool-tcp6"
SYN, ACK = LINK / to_api(4) / tcp(POOL.port, "S"), LINK / to_api(4) / tcp(POOL.port)
LIFETIME, WAYS_OF_BUCKET = CONSTANTS["LIFETIME"], CONSTANTS["WAYS"]


def client(number: int, flags: str = "A") -> bytes:
    """A packet of one of many flows."""
    address = f"198.51.{100 + number // 250}.{1 + number % 250}"
    return written(flags).frame(address, CLIENT_PORT)


@cache
def written(flags: str) -> OfClients:
    return OfClients(4, tcp(POOL.port, flags))


def chosen(rig: Rig, frame: bytes) -> int:
    """The backend that a packet would go to now."""
    return rig.trace(frame).backend


def known(rig: Rig, frame: bytes) -> bool:
    return rig.trace(frame).known_flow


def stored(rig: Rig) -> int:
    return int(np.count_nonzero(rig.flow_words))


def path_mtu_error() -> Packet:
    """About the flow of ACK."""
    quote = IP(src=API4, dst=CLIENT4) / TCP(sport=POOL.port, dport=CLIENT_PORT)
    return IP(src="203.0.113.1", dst=API4) / ICMP(type=3, code=4, nexthopmtu=1400) / quote
