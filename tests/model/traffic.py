"""Random packets: sound ones, slightly broken ones, and noise, for given services.

Clients are few and come back, so that flows build up. Checksums are noise for the most part: the
gateway verifies none and must carry all of them through.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from random import Random

from accel.model.address import Address
from accel.model.service import Protocol, Service
from tests.model.cookie_model import cookie
from tests.model.siphash_model import Key, challenge_number

CLIENTS = {
    4: [ip_address(f"198.51.{100 + n // 5}.{n}") for n in range(1, 9)],
    6: [ip_address(f"2001:db8:{12 + n // 7:x}:{n // 4}::{n:x}") for n in range(1, 9)],
}
HOSTS = {4: [ip_address("192.0.2.99")], 6: [ip_address("2001:db8:a::99")]}
CLIENT_PORTS = (40000, 40001, 40002, 50003, 1, 65535)
TAGS = (0x8100, 0x88A8)
TCP_FLAGS = (0x10, 0x10, 0x10, 0x10, 0x18, 0x02, 0x02, 0x12, 0x11, 0x04, 0x00, 0x29, 0xFF)
SIZES = (0, 0, 0, 1, 6, 40, 100, 536, 1180, 1360, 1412, 1440, 1452, 1460, 1473, 2000)
MTUS, OVERHEADS = (600, 1400, 1500), (20, 28, 40, 48)
LONGEST = 3400  # bytes: more than this the kernel's test run hands in in several pieces
LAYOUT_WORDS = 5
OPTIONS = (  # of SYNs, 20 bytes each
    "020405b4 0402080a 00000007 00000000 01030307",
    "020405b4 01010402 01030307 00000000 00000000",
    "01030308 0402080a 00000001 00000000 02040518",
    "02040100 0101080a 00000009 00000000 01010101",
    "020405b4 01010101 01010101 01010101 01010101",
    "030300 0402 02040218 080a 00000003 00000000 00",
)
EXTENSIONS = (0, 43, 44, 51, 60)


class Traffic:
    """A stream of frames, all of it drawn from one `random`. The keys are the guard's."""

    def __init__(
        self,
        random: Random,
        services: Sequence[Service],
        challenge_keys: Sequence[Key],
        cookie_keys: Sequence[Key],
        ids: Sequence[bytes] = (),
    ) -> None:
        """With `ids`, of QUIC connections, flows are so few that they are met again and again."""
        self._random = random
        self._challenge_keys = challenge_keys
        self._cookie_keys = cookie_keys
        self._services = services
        self._ids = ids
        self._clients = {v: CLIENTS[v][:3] if ids else CLIENTS[v] for v in CLIENTS}
        self._ports = CLIENT_PORTS[:2] if ids else CLIENT_PORTS

    def frame(self) -> bytes:
        """One frame of 14 bytes or more."""
        r = self._random
        frame = self._sound()
        if r.random() < 0.15:
            frame = self._broken(frame)
        return frame[:LONGEST].ljust(14, b"\0")

    def _sound(self) -> bytes:
        r = self._random
        if r.random() < 0.02:
            return self._link(r.choice((0x0806, 0x88CC, 0x8847, 0, 46)), r.randbytes(46))
        version, packet = self._packet()
        padding = bytes(r.choice((0, 0, 0, 4, 18, 46)))
        return self._link(0x0800 if version == 4 else 0x86DD, packet + padding)

    def _link(self, kind: int, payload: bytes) -> bytes:
        r = self._random
        tags = b"".join(
            struct.pack("!HH", r.choice(TAGS), r.randrange(65536))
            for _ in range(r.choice((0,) * 20 + (1,) * 6 + (2,) * 3 + (3,)))
        )
        return r.randbytes(12) + tags + struct.pack("!H", kind) + payload

    def _packet(self) -> tuple[int, bytes]:
        """IP version, and the packet from its IP header on."""
        r = self._random
        service = r.choice(self._services) if self._services and r.random() < 0.95 else None
        version = service.address.version if service else r.choice((4, 6))
        address = service.address if service else r.choice(HOSTS[version])
        protocol = int(service.protocol) if service else r.choice((6, 17))
        port = service.port if service else 443
        if port == 0 or r.random() < 0.03:
            port = r.choice((0, 80, 443, 8443, 9000))
        if r.random() < 0.05:
            protocol = r.choice((6, 17, 132, 50, 47, 59))
        client = r.choice(self._clients[version])
        chance = r.random()
        if chance < 0.06:
            upper, protocol = self._echo(version)
        elif chance < 0.18:
            quote = self._quote(version, address, port, protocol, client)
            upper, protocol = self._error(version, quote)
            client = r.choice(self._clients[version])
        else:
            upper = self._transport(protocol, r.choice(self._ports), port)
            if protocol == Protocol.TCP and r.random() < 0.3:
                upper = self._of_a_guard(client, address, upper)
            if r.random() < 0.08:  # just below and above what fits
                size = r.choice(MTUS) - r.choice(OVERHEADS) + r.choice((0, 0, 1))
                upper = upper.ljust(size - (20 if version == 4 else 40), b"\0")[:size]
        return version, self._ip(version, client, address, protocol, upper)

    def _transport(self, protocol: int, source: int, destination: int) -> bytes:
        r = self._random
        payload = r.randbytes(8) + bytes(r.choice(SIZES))
        if self._ids and r.random() < 0.6:
            payload = b"" if protocol == Protocol.TCP and r.random() < 0.3 else self._quic()
        ports = struct.pack("!HH", source, destination)
        if protocol != Protocol.TCP:
            return ports + struct.pack("!HH", 8 + len(payload), r.randrange(65536)) + payload
        options = r.randbytes(4 * r.choice((0, 0, 0, 1, 3, 10)))
        offset = 5 + len(options) // 4
        if r.random() < 0.05:
            offset = r.randrange(16)
        rest = struct.pack("!BBHHH", offset << 4, r.choice(TCP_FLAGS), 512, r.randrange(65536), 0)
        return ports + r.randbytes(8) + rest + options + payload

    def _quic(self) -> bytes:
        """With an id that is somebody's, nearly one, or none at all."""
        r = self._random
        cid = r.choice(self._ids)
        if r.random() < 0.2:
            at = r.randrange(len(cid))
            cid = cid[:at] + r.randbytes(1) + cid[at + 1 :]
        rest = r.randbytes(r.choice((30, 30, 30, 4, 0)))
        if r.random() < 0.6:
            return bytes([r.choice((0x40, 0x5F, 0))]) + cid + rest
        version = r.choice((1, 1, 0x6B3343CF, 0, 0xFF00001D))
        length = r.choice((len(cid), len(cid), len(cid) - 1, 0, 20, 255))
        return struct.pack("!BIB", r.choice((0xC0, 0xD0, 0xE0, 0xF0)), version, length) + cid + rest

    def _of_a_guard(self, client: Address, service: Address, upper: bytes) -> bytes:
        """What answers a challenge or a cookie, right or nearly; or a SYN that is sent again."""
        r = self._random
        between = client.packed, service.packed, upper[:4]
        generation, isn = r.randrange(4), r.randrange(1 << 32)
        number = challenge_number(self._challenge_keys, generation, *between)
        key, bits = self._cookie_keys[generation], r.randrange(256)
        acknowledged = 1 + cookie(key, generation, *between, isn=isn, bits=bits, announced=7)
        flags, sequence, acknowledged = r.choice(
            (
                (0x04, number, 0),
                (0x04, number, 0),
                (0x14, number ^ 1 << 29, 0),
                (0x04, number + r.choice((-1, 1, 1 << 28, 1 << 30)), 0),
                (0x02, number - 1, 0),
                (r.choice((0x10, 0x18, 0x11)), isn + 1, acknowledged),
                (0x10, isn + 1, acknowledged),
                (0x10, isn + r.choice((0, 2)), acknowledged),
                (0x10, isn + 1, acknowledged + r.choice((-1, 1, 1 << 21, 1 << 24, 1 << 30))),
                *(((r.choice((0x02, 0x02, 0xC2)), 1000, 0),) * 6),
            )
        )
        numbers = struct.pack("!II", sequence % (1 << 32), acknowledged % (1 << 32))
        offset = upper[12:13]
        if flags & 0x02 and r.random() < 0.5:
            upper = upper[:20] + bytes.fromhex(r.choice(OPTIONS)) + upper[20:]
            offset = bytes([(5 + LAYOUT_WORDS) << 4])
        return upper[:4] + numbers + offset + bytes([flags]) + upper[14:]

    def _echo(self, version: int) -> tuple[bytes, int]:
        r = self._random
        kind = r.choice((8, 8, 8, 0, 13) if version == 4 else (128, 128, 128, 129, 135))
        zero = r.random() < 0.1
        body = bytes(r.choice((0, 1, 8))) if zero else r.randbytes(r.choice((0, 1, 8, 56, 57)))
        rest = bytes(4) if zero else r.randbytes(4)
        checksum = 0xF7FF if zero else r.randrange(65536)
        code = 1 if r.random() < 0.05 else 0
        return struct.pack("!BBH", kind, code, checksum) + rest + body, _icmp(version)

    def _error(self, version: int, quote: bytes) -> tuple[bytes, int]:
        r = self._random
        kind = r.choice((3, 3, 11, 12, 5) if version == 4 else (1, 2, 2, 3, 4, 137))
        return struct.pack("!BBH", kind, r.randrange(6), 0) + r.randbytes(4) + quote, _icmp(version)

    def _quote(
        self, version: int, service: Address, port: int, protocol: int, client: Address
    ) -> bytes:
        """What a backend sent, or another; often cut."""
        r = self._random
        if r.random() < 0.1:
            service, client = client, service
        upper = self._transport(protocol, port, r.choice(self._ports))
        packet = self._ip(version, service, client, protocol, upper)
        return packet[: r.choice((28, 48, 27, 47, 68, 100, 548, 1232, 1480, 19, 0))]

    def _ip(
        self, version: int, source: Address, destination: Address, protocol: int, upper: bytes
    ) -> bytes:
        if version == 4:
            return self._ipv4(source, destination, protocol, upper)
        return self._ipv6(source, destination, protocol, upper)

    def _ipv4(self, source: Address, destination: Address, protocol: int, upper: bytes) -> bytes:
        r = self._random
        options = r.randbytes(4 * r.choice((0, 0, 0, 0, 1, 5, 10)))
        fragment = r.choice((0, 0, 0x4000, 0x4000, 0x4000, 0x2000))
        if r.random() < 0.03:
            fragment = r.randrange(65536)
        size = 20 + len(options)
        header = struct.pack(
            "!BBHHHBBH",
            0x40 | size // 4,
            self._class(),
            max(0, size + len(upper) + self._wrong()),
            r.randrange(65536),
            fragment,
            r.choice((1, 58, 64, 255)),
            protocol,
            r.randrange(65536),
        )
        return header + source.packed + destination.packed + options + upper

    def _ipv6(self, source: Address, destination: Address, protocol: int, upper: bytes) -> bytes:
        r = self._random
        first, payload = protocol, upper
        for _ in range(r.choice((0, 0, 0, 0, 1, 2, 6, 7))):
            kind = r.choice(EXTENSIONS)
            payload = self._extension(kind, first) + payload
            first = kind
        if r.random() < 0.02 and destination.version == 6:
            destination = ip_address("::ffff:192.0.2.10")
        start = 6 << 28 | self._class() << 20 | r.randrange(1 << 20)
        header = struct.pack(
            "!IHBB", start, max(0, len(payload) + self._wrong()), first, r.choice((1, 64, 255))
        )
        return header + source.packed + destination.packed + payload

    def _extension(self, kind: int, behind: int) -> bytes:
        r = self._random
        if kind == 44:
            offset = r.randrange(8192) << 3 if r.random() < 0.2 else 0
            return struct.pack("!BBH", behind, 0, offset | r.choice((0, 1))) + r.randbytes(4)
        if kind == 51:
            words = r.choice((1, 2, 4, 16))
            return bytes((behind, words)) + r.randbytes(4 * (words + 2) - 2)
        units = r.choice((0, 0, 1, 4, 60, 255)) if r.random() < 0.3 else 0
        left = 1 if kind == 43 and r.random() < 0.2 else 0
        return bytes((behind, units, 4, left)) + r.randbytes(8 * units + 4)

    def _class(self) -> int:
        return self._random.choice((0, 0, 0, 0xB8, 0x01, 0x02, 0x03, 0xFF))

    def _wrong(self) -> int:
        """By how much a length is wrong: mostly not."""
        r = self._random
        return r.choice((-13, -12, -1, 1, 2, 64)) if r.random() < 0.03 else 0

    def _broken(self, frame: bytes) -> bytes:
        r = self._random
        ways: tuple[Callable[[], bytes], ...] = (
            lambda: frame[: r.randrange(14, max(15, len(frame)))],
            lambda: frame[: r.randrange(14, 80)],
            lambda: self._flipped(frame, 80),
            lambda: self._flipped(self._flipped(frame, 60), 60),
            lambda: frame[:14] + r.randbytes(len(frame[14:120])),
            lambda: r.randbytes(r.randrange(14, 200)),
            lambda: frame[: r.randrange(14, 60)] + r.randbytes(40),
        )
        return r.choice(ways)()

    def _flipped(self, frame: bytes, within: int) -> bytes:
        """A byte of the first ones, but the MAC addresses, is another."""
        r = self._random
        at = r.randrange(12, max(13, min(within, len(frame))))
        return frame[:at] + bytes((r.choice((0, 1, 0xFF, r.randrange(256))),)) + frame[at + 1 :]


def _icmp(version: int) -> int:
    return 1 if version == 4 else 58
