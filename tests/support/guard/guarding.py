"""Guards as the rows have them, and the packets that the guard has to do with.

A challenge is written from RFC 9293 by scapy, its number by the reference model's SipHash.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from scapy.all import IP, TCP, IPv6, Packet

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import GuardMode, Rate
from tests.model.siphash_model import challenge_number
from tests.support.packets.packets import CLIENT_PORT, LINK, LINK_BACK, tcp, to_api
from tests.support.packets.rig import GUARD_KEYS
from tests.support.packets.world import WAYS

IPIP4 = WAYS["ipip4"]
TCP4, TCP6, UDP4 = "ipip4-tcp4", "ipip4-tcp6", "ipip4-udp4"
OF_VERSION = {4: TCP4, 6: TCP6}
CURRENT = GUARD_KEYS.generation
SPARE = 1 << 29

# What the daemon makes of a service's guard: quiet, looked at, under attack, and just after it.
QUIET: dict[Rule, Level] = {}
WATCHED = dict.fromkeys((Rule.SYN, Rule.UNKNOWN, Rule.FLAGS, Rule.FRAGMENT), Level.MONITOR)
ATTACKED = dict.fromkeys((Rule.SYN, Rule.UNKNOWN, Rule.FLAGS, Rule.FRAGMENT), Level.ON)
JUST_ATTACKED = {Rule.SYN: Level.LINGER}
STATES = {"quiet": QUIET, "watched": WATCHED, "attacked": ATTACKED, "just attacked": JUST_ATTACKED}
SYN_ON = {Rule.SYN: Level.ON}
NO_LIMIT = Rate()


def stance(
    levels: Mapping[Rule, Level], mode: GuardMode = GuardMode.AUTH, /, **rates: Rate
) -> Stance:
    """`rates` by name: syn, syn_prefix, udp, udp_prefix, icmp, icmp_prefix."""
    names = ("syn", "syn_prefix", "udp", "udp_prefix", "icmp", "icmp_prefix")
    return Stance(mode=mode, levels=levels, rates=tuple(rates.get(n, NO_LIMIT) for n in names))


def number(syn: Packet, generation: int = CURRENT, keys: tuple[tuple[int, int], ...] = ()) -> int:
    """What the challenge of `syn` acknowledges."""
    header = syn[IP] if IP in syn else syn[IPv6]
    raw = bytes(header)
    source, destination = (raw[12:16], raw[16:20]) if IP in syn else (raw[8:24], raw[24:40])
    ports = struct.pack("!HH", syn[TCP].sport, syn[TCP].dport)
    made = challenge_number(keys or GUARD_KEYS.challenge, generation, source, destination, ports)
    # RFC 9293 3.10.7.3: what acknowledges the SYN itself would not be answered by an RST.
    return made ^ SPARE if made == (syn[TCP].seq + 1) % (1 << 32) else made


def challenge(syn: Packet, link: Packet = LINK_BACK, generation: int = CURRENT) -> Packet:
    """The bare ACK that an unproven source's SYN is answered by."""
    if IP in syn:
        back = IP(src=syn[IP].dst, dst=syn[IP].src, ttl=64, id=0, flags="DF")
    else:
        back = IPv6(src=syn[IPv6].dst, dst=syn[IPv6].src, hlim=64)
    ack = TCP(sport=syn[TCP].dport, dport=syn[TCP].sport, flags="A", seq=0, window=0)
    ack.ack = number(syn, generation)
    return link / back / ack


def rst(acknowledged: int, version: int = 4, *, flags: str = "R", **fields: Any) -> Packet:
    """What a client in SYN-SENT answers a wrong ACK with: <SEQ=SEG.ACK><CTL=RST> (RFC 9293)."""
    seq = acknowledged % (1 << 32)
    return LINK / to_api(version, **fields) / tcp(IPIP4.port, flags, seq=seq, window=0)


def syn(version: int = 4, port: int = CLIENT_PORT, **fields: Any) -> Packet:
    """A client's SYN; `fields` of the IP header."""
    return LINK / to_api(version, **fields) / tcp(IPIP4.port, "S", sport=port)


def proof(version: int = 4, **fields: Any) -> Packet:
    """The answer to the challenge of that SYN, by a client that gets our packets."""
    return rst(number(syn(version, **fields)), version, **fields)
