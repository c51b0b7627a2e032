"""The reference model: ICMP that the gateway answers, and errors about its flows."""

from __future__ import annotations

from tests.model.packet_model import ICMP, ICMP_HEADER, EndsAs, Headers, read_ipv4, read_ipv6

ECHO_REQUEST = {4: 8, 6: 128}
ERRORS = {4: {3, 11, 12}, 6: {1, 2, 3, 4}}


def is_echo(frame: bytes, ip: Headers) -> bool:
    """Whether it is an echo request, of those messages that are whole."""
    if ip.protocol != ICMP[ip.version]:
        raise EndsAs("ICMP_OTHER")
    if ip.end - ip.upper < ICMP_HEADER:
        raise EndsAs("BAD_TRANSPORT")
    kind, code = frame[ip.upper], frame[ip.upper + 1]
    return kind == ECHO_REQUEST[ip.version] and code == 0


def quoted_by(frame: bytes, ip: Headers) -> Headers:
    """The packet that an error is about; it went from the service to the client."""
    if frame[ip.upper] not in ERRORS[ip.version]:
        raise EndsAs("ICMP_OTHER")
    read = read_ipv4 if ip.version == 4 else read_ipv6
    try:
        quote = read(frame, ip.upper + ICMP_HEADER, ip.end, whole=False)
    except EndsAs:
        raise EndsAs("ICMP_OTHER") from None
    if not quote.ports or quote.source != ip.destination:
        raise EndsAs("ICMP_OTHER")
    return quote
