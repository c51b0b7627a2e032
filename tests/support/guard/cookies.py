"""SYNs at a service that answers with cookies, the cookie, and the SYN-ACK that carries it."""

from __future__ import annotations

import struct

from scapy.all import IP, TCP, IPv6, Packet, Raw

from accel.datapath.guard.actions import Stance
from accel.model.guard import GuardMode
from tests.model.cookie_model import Asked, asked, cookie, option_bits
from tests.support.guard.guarding import ATTACKED, IPIP4, stance
from tests.support.packets.packets import LINK, LINK_BACK, tcp, to_api
from tests.support.packets.rig import GUARD_KEYS

ON = stance(ATTACKED, GuardMode.COOKIE_BACKEND)
CURRENT = GUARD_KEYS.generation
ISN = 0xFFFF_FF00  # sequence numbers wrap
WINDOW = 64240
LINUX = bytes.fromhex("020405b4 0402080a 00000007 00000000 01030307")


def syn(version: int, options: bytes = LINUX, flags: str = "S", **fields: object) -> Packet:
    """A SYN whose options are these bytes."""
    header = tcp(IPIP4.port, flags, seq=ISN, dataofs=5 + len(options) // 4, **fields)
    return LINK / to_api(version) / header / Raw(options)


def pair(packet: Packet) -> tuple[bytes, bytes]:
    """The addresses of a packet."""
    raw = bytes(packet[IP] if IP in packet else packet[IPv6])
    return (raw[12:16], raw[16:20]) if IP in packet else (raw[8:24], raw[24:40])


def cookie_of(
    packet: Packet,
    *,
    generation: int = CURRENT,
    ecn: bool = False,
    announced: int = 7,
    key: tuple[int, int] | None = None,
    asks: Asked | None = None,
) -> int:
    """The cookie that answers a SYN."""
    options = asks or asked(bytes(packet[TCP])[20 : packet[TCP].dataofs * 4])
    return cookie(
        key or GUARD_KEYS.cookie[generation % 4],
        generation,
        *pair(packet),
        struct.pack("!HH", packet[TCP].sport, packet[TCP].dport),
        isn=packet[TCP].seq,
        bits=option_bits(4 if IP in packet else 6, options, ecn=ecn),
        announced=announced,
    )


def syn_ack(
    packet: Packet,
    time: int | None,
    *,
    link: Packet = LINK_BACK,
    ecn: bool = False,
    guard: Stance = ON,
    asks: Asked | None = None,
) -> Packet:
    """The answer (RFC 9293 3.10.7.2), with our timestamp: each option only if the client has it."""
    options = asks or asked(bytes(packet[TCP])[20 : packet[TCP].dataofs * 4])
    version = 4 if IP in packet else 6
    listed: list[tuple[str, object]] = [("MSS", guard.mss[version])]
    if options.scale is not None:
        listed += [("NOP", None), ("WScale", guard.wscale)]
    elif options.sack or options.time:
        listed += [("NOP", None)] * 4
    if options.sack:
        listed += [] if options.time else [("NOP", None)] * 2
        listed += [("SAckOK", b"")]
    elif options.time:
        listed += [("NOP", None)] * 2
    if options.time:
        listed += [("Timestamp", (time, int.from_bytes(options.time, "big")))]
    if version == 4:
        back = IP(src=packet[IP].dst, dst=packet[IP].src, ttl=64, id=0, flags="DF")
    else:
        back = IPv6(src=packet[IPv6].dst, dst=packet[IPv6].src, hlim=64)
    header = TCP(
        sport=packet[TCP].dport,
        dport=packet[TCP].sport,
        flags="SAE" if ecn else "SA",  # RFC 3168 6.1.1: ECE alone
        seq=cookie_of(packet, ecn=ecn, announced=guard.wscale, asks=asks),
        ack=(packet[TCP].seq + 1) % (1 << 32),
        window=WINDOW,
        options=listed,
    )
    return link / back / header
