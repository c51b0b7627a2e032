"""The ClientHello at the beginning of a TLS connection: does the client offer to resume a session?

RFC 8446 4.1.2 and 4.2.11; before TLS 1.3 RFC 5246 7.4.1.2 and RFC 5077 3.2. Pure, and whatever the
bytes are, nothing here raises: what cannot be read is None.
"""

from __future__ import annotations

from dataclasses import dataclass

HANDSHAKE = 22  # type of a record (RFC 8446 5.1)
RECORD_HEADER = 5
LONGEST_RECORD = (1 << 14) + 2048  # bytes behind the header, as TLS 1.2 allows
_CLIENT_HELLO = 1
_MESSAGE_HEADER = 4
_RANDOM = 2 + 32  # legacy_version and random
_SESSION_TICKET, _PRE_SHARED_KEY, _EARLY_DATA, _SUPPORTED_VERSIONS = 35, 41, 42, 43
_TLS_1_3 = b"\x03\x04"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientHello:
    """`size`: bytes of the records that it is in. `resumes`: the client offers a session.

    `early_data`: it may send data before the server has answered.
    """

    size: int
    resumes: bool
    early_data: bool = False


def looks_like_tls(data: bytes) -> bool:
    """Whether a record of a handshake begins here."""
    return data[:2] == bytes((HANDSHAKE, 3))


def read_client_hello(data: bytes) -> ClientHello | None:
    """From what a client sends first; None if that is no ClientHello, or not all of one."""
    message, at = b"", 0
    while len(message) < _MESSAGE_HEADER or len(message) < _size(message):
        header = data[at : at + RECORD_HEADER]
        length = int.from_bytes(header[3:])
        if len(header) < RECORD_HEADER or not looks_like_tls(header):
            return None
        if not 0 < length <= LONGEST_RECORD:
            return None
        at += RECORD_HEADER + length
        message += data[at - length : at]
        if len(data) < at or message[0] != _CLIENT_HELLO:
            return None
    extensions = _extensions(message[_MESSAGE_HEADER : _size(message)])
    if extensions is None:
        return None
    session_id, found = extensions
    return ClientHello(
        size=at,
        resumes=_PRE_SHARED_KEY in found
        or bool(found.get(_SESSION_TICKET))
        or (bool(session_id) and _TLS_1_3 not in _versions(found)),
        early_data=_EARLY_DATA in found,
    )


def is_whole_hello(record: bytes) -> bool:
    """Whether what is behind a record's header is one ClientHello, and nothing else."""
    return record[:1] == bytes((_CLIENT_HELLO,)) and len(record) == _size(record)


def _size(message: bytes) -> int:
    """Of a handshake message, with its header (RFC 8446 4)."""
    return _MESSAGE_HEADER + int.from_bytes(message[1:4])


def _versions(extensions: dict[int, bytes]) -> list[bytes]:
    """Since TLS 1.3 a session id says nothing: clients send a random one (RFC 8446 D.4)."""
    listed = extensions.get(_SUPPORTED_VERSIONS, b"")[1:]
    return [listed[i : i + 2] for i in range(0, len(listed), 2)]


def _extensions(body: bytes) -> tuple[bytes, dict[int, bytes]] | None:
    """The session id, and extensions by their type; None if lengths do not fit each other."""
    cursor = _Cursor(body, _RANDOM)
    session_id = cursor.vector(1)
    cursor.vector(2)  # cipher suites
    cursor.vector(1)  # compression methods
    found: dict[int, bytes] = {}
    if cursor.at == len(body):
        return session_id, found  # before TLS 1.2 there may be none
    end = cursor.at + 2 + int.from_bytes(body[cursor.at : cursor.at + 2])
    cursor.at += 2
    while cursor.at < end <= len(body):
        kind = int.from_bytes(body[cursor.at : cursor.at + 2])
        cursor.at += 2
        found[kind] = cursor.vector(2)
    return (session_id, found) if cursor.at == end == len(body) else None


class _Cursor:
    """Where in `data` the next one begins; behind its end, once a length was too long."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def vector(self, width: int) -> bytes:
        """What follows a length of `width` bytes."""
        begin = self.at + width
        length = int.from_bytes(self._data[self.at : begin])
        self.at = begin + length
        return self._data[begin : self.at]
