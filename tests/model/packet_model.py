"""The reference model's reading of a frame: what RFC 791, 8200, 793, 768, 802.1Q say is where.

An exception stops the reading, and its text is the verdict. Nothing here looks at bpf/.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ETHERNET, TAG = 14, 4
TAGS = {b"\x81\x00", b"\x88\xa8"}  # 802.1Q, 802.1ad
MOST_TAGS = 2
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
TCP, UDP = 6, 17
ICMP = {4: 1, 6: 58}
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION}
MOST_EXTENSIONS, MOST_EXTENSION_BYTES = 6, 2047
ICMP_HEADER = 8


class EndsAs(Exception):
    """The packet goes no further; the argument is the verdict's name."""


@dataclass(frozen=True, slots=True)
class Headers:
    """An IP packet inside a frame. Addresses are as on the wire; positions are in the frame.

    `ports` (source, destination, as on the wire) is None for what has none that can be read.
    """

    version: int
    start: int
    end: int
    source: bytes
    destination: bytes
    traffic_class: int
    protocol: int
    upper: int
    later_fragment: bool = False
    more_fragments: bool = False
    ports: tuple[bytes, bytes] | None = None
    flags: int = 0
    sequence: int = 0
    acknowledged: int = 0
    options: bytes = b""

    @property
    def syn(self) -> bool:
        """Whether it has the flag, alone or with others."""
        return bool(self.flags & 0x02)


def read_frame(frame: bytes) -> Headers:
    """The headers of a frame. Raises EndsAs."""
    kind, start = read_link(frame)
    if kind == b"\0\0":
        raise EndsAs("MALFORMED")  # an 802.3 frame of length 0
    if kind not in (IPV4, IPV6):
        raise EndsAs("NOT_IP")
    read = read_ipv4 if kind == IPV4 else read_ipv6
    return read(frame, start, len(frame), whole=True)


def read_link(frame: bytes) -> tuple[bytes, int]:
    """The EtherType behind the tags, and where what it names begins."""
    if len(frame) < ETHERNET:
        raise EndsAs("MALFORMED")
    kind, at = frame[12:14], ETHERNET
    for _ in range(MOST_TAGS):
        if kind not in TAGS:
            break
        if len(frame) < at + TAG:
            raise EndsAs("MALFORMED")
        kind, at = frame[at + 2 : at + 4], at + TAG
    return kind, at


def read_ipv4(data: bytes, start: int, limit: int, *, whole: bool) -> Headers:
    """The IPv4 packet at `start`. Not `whole`: a quote, of which the end may be missing."""
    if limit - start < 20 or data[start] >> 4 != 4:
        raise EndsAs("MALFORMED")
    size, total = 4 * (data[start] & 15), _number(data, start + 2)
    if size < 20 or total < size or start + size > limit or (whole and start + total > limit):
        raise EndsAs("MALFORMED")
    return _with_transport(
        data,
        limit,
        Headers(
            version=4,
            start=start,
            end=start + total,
            source=data[start + 12 : start + 16],
            destination=data[start + 16 : start + 20],
            traffic_class=data[start + 1],
            protocol=data[start + 9],
            upper=start + size,
            later_fragment=_number(data, start + 6) & 0x1FFF != 0,
            more_fragments=_number(data, start + 6) & 0x2000 != 0,
        ),
        whole=whole,
    )


def read_ipv6(data: bytes, start: int, limit: int, *, whole: bool) -> Headers:
    """The IPv6 packet at `start`, its extension headers passed over."""
    if limit - start < 40 or data[start] >> 4 != 6:
        raise EndsAs("MALFORMED")
    end = start + 40 + _number(data, start + 4)
    if whole and end > limit:
        raise EndsAs("MALFORMED")
    behind = _skip_extensions(data, data[start + 6], start + 40, min(end, limit))
    return _with_transport(
        data,
        limit,
        Headers(
            version=6,
            start=start,
            end=end,
            source=data[start + 8 : start + 24],
            destination=data[start + 24 : start + 40],
            traffic_class=(data[start] & 15) << 4 | data[start + 1] >> 4,
            protocol=behind.protocol,
            upper=behind.at,
            later_fragment=behind.later_fragment,
            more_fragments=behind.more_fragments,
        ),
        whole=whole,
    )


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind extension headers, where, and which part of it."""

    protocol: int
    at: int
    later_fragment: bool
    more_fragments: bool


def _skip_extensions(data: bytes, kind: int, at: int, limit: int) -> Behind:
    first, more = at, False
    for _ in range(MOST_EXTENSIONS):
        if kind not in EXTENSIONS:
            return Behind(kind, at, False, more)
        if limit - at < 8:
            raise EndsAs("MALFORMED")
        if kind == FRAGMENT:
            size = 8
        elif kind == AUTHENTICATION:
            size = 4 * (data[at + 1] + 2)
        else:
            size = 8 * (data[at + 1] + 1)
        if at + size > limit or at + size - first > MOST_EXTENSION_BYTES:
            raise EndsAs("MALFORMED")
        if kind == ROUTING and data[at + 3]:
            raise EndsAs("MALFORMED")  # this is not its last destination
        if kind == FRAGMENT:
            more = bool(data[at + 3] & 1)
            if _number(data, at + 2) >> 3:
                return Behind(data[at], at + size, True, more)
        kind, at = data[at], at + size
    if kind in EXTENSIONS:
        raise EndsAs("MALFORMED")
    return Behind(kind, at, False, more)


def _with_transport(data: bytes, limit: int, ip: Headers, *, whole: bool) -> Headers:
    """With ports and what else TCP says, if the transport header is sound."""
    at, size = ip.upper, min(ip.end, limit) - ip.upper
    if ip.later_fragment or ip.protocol not in (TCP, UDP) or size < 8:
        return ip
    ip = replace(ip, ports=(data[at : at + 2], data[at + 2 : at + 4]))
    if ip.protocol != TCP or not whole:
        return ip
    if size < 20 or not 20 <= 4 * (data[at + 12] >> 4) <= size:
        return replace(ip, ports=None)
    return replace(
        ip,
        flags=data[at + 13],
        sequence=int.from_bytes(data[at + 4 : at + 8], "big"),
        acknowledged=int.from_bytes(data[at + 8 : at + 12], "big"),
        options=data[at + 20 : at + 4 * (data[at + 12] >> 4)],
    )


def _number(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
