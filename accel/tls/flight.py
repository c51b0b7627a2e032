"""How many bytes a client sends to the end of its TLS handshake, from pieces of what it sent.

Records have their length in front and in the clear (RFC 8446 5.1), so their end is known although
what is in them is not. Pure; what cannot be known is None.
"""

from __future__ import annotations

from accel.tls.client_hello import (
    HANDSHAKE,
    LONGEST_RECORD,
    RECORD_HEADER,
    is_whole_hello,
    read_client_hello,
)

_CHANGE_CIPHER_SPEC, _APPLICATION_DATA = 20, 23
# An encrypted Finished (RFC 8446 4.4.4 and 5.2): message header, hash of 32 or 48 bytes, type, and
# a tag of 16 bytes, or 8 (AES_128_CCM_8_SHA256). It is in a record of its own.
_FINISHED = {4 + 32 + 1 + 16, 4 + 48 + 1 + 16, 4 + 32 + 1 + 8}
_END_OF_EARLY_DATA = {4 + 1 + 16, 4 + 1 + 8}
_RECORDS = 64  # that are looked at


class Pieces:
    """Parts of a stream by where they begin. What is there twice is alike, or the first counts."""

    def __init__(self) -> None:
        self._pieces: dict[int, bytes] = {}

    def add(self, at: int, data: bytes) -> None:
        """The longer one stays where two begin alike."""
        if len(data) > len(self._pieces.get(at, b"")):
            self._pieces[at] = data

    def read(self, at: int, size: int) -> bytes:
        """As many of `size` bytes from `at` on as there are without a hole."""
        found = b""
        for begin, data in sorted(self._pieces.items()):
            here = at + len(found) - begin
            if 0 <= here < len(data):
                found += data[here:]
            if len(found) >= size:
                break
        return found[:size]


def handshake_size(pieces: Pieces, beginning: bytes) -> int | None:
    """Bytes to the end of the client's Finished; `beginning` is the stream as far as it is whole.

    TLS 1.3: the first record of a Finished's length, behind the end of early data if the client
    offered any. TLS 1.2: the handshake record behind ChangeCipherSpec.
    """
    hello = read_client_hello(beginning)
    if hello is None:
        return None
    at, changed, early = hello.size, False, hello.early_data
    for _ in range(_RECORDS):
        header = pieces.read(at, RECORD_HEADER)
        kind, length = header[:1], int.from_bytes(header[3:])
        if len(header) < RECORD_HEADER or header[1] != 3 or not 0 < length <= LONGEST_RECORD:
            return None
        begin, at = at + RECORD_HEADER, at + RECORD_HEADER + length
        if kind[0] == _CHANGE_CIPHER_SPEC:
            changed = True
        elif kind[0] == HANDSHAKE:
            # A second ClientHello, which a server may ask for, comes behind a ChangeCipherSpec too.
            if changed and not is_whole_hello(pieces.read(begin, length)):
                return at
        elif kind[0] == _APPLICATION_DATA:
            if not early and length in _FINISHED:
                return at
            early = early and length not in _END_OF_EARLY_DATA
        else:
            return None
    return None
