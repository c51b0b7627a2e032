"""The reference model's reading of QUIC: which server's id is in a datagram.

Written from RFC 8999, RFC 9000 17, RFC 9369 3.2 and draft-ietf-quic-load-balancers 5: the ids are
plain, the first three bits are the configuration's, the server id is behind the first byte.
"""

from __future__ import annotations

from accel.model.hints import Hints

LEAST = 22  # bytes: no packet that a server could know is shorter
VERSION_1, VERSION_2 = 1, 0x6B3343CF
CLIENTS_OWN = {VERSION_1: (0, 1), VERSION_2: (1, 2)}  # types: Initial, 0-RTT
LONGEST_ID = 20


class Unreadable(Exception):
    """There is an id, but no configuration's."""


def server_id(datagram: bytes, hints: Hints) -> tuple[int, bytes] | None:
    """Rotation and id; None where the id is not a server's. Raises Unreadable."""
    if len(datagram) < LEAST:
        return None
    length, at = LONGEST_ID, 1
    if datagram[0] & 0x80:
        version = int.from_bytes(datagram[1:5], "big")
        if version not in CLIENTS_OWN or datagram[0] >> 4 & 3 in CLIENTS_OWN[version]:
            return None
        length, at = datagram[5], 6
    rotation = datagram[at] >> 5
    form = hints.form(rotation)
    if form is None or length < form.length:
        raise Unreadable
    return rotation, datagram[at + 1 : at + 1 + form.server_id_length]
