"""The reference model's SYN cookies: what a SYN asks for by RFC 9293, 7323, 2018 and 3168, and the
number that says so. Written from docs/syn-cookies.md, not from the C.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.model.siphash_model import Key, tuple_hash

MSS = {4: (536, 1300, 1440, 1460), 6: (1220, 1360, 1420, 1440)}
END, NOP, MAXIMUM, SCALE, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 8
GREATEST_SCALE, NO_SCALE = 14, 15


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options of a SYN ask for. None: it does not."""

    mss: int | None = None
    scale: int | None = None
    sack: bool = False
    time: bytes | None = None  # the timestamp


def asked(options: bytes) -> Asked:
    """Read from left to right, up to what is broken; what comes last counts."""
    found: dict[str, object] = {}
    while options and options[0] != END:
        if options[0] == NOP:
            options = options[1:]
            continue
        if len(options) < 2 or not 2 <= options[1] <= len(options):
            break
        kind, length, value = options[0], options[1], options[2 : options[1]]
        if (kind, length) == (MAXIMUM, 4) and any(value):
            found["mss"] = int.from_bytes(value, "big")
        elif (kind, length) == (SCALE, 3):
            found["scale"] = value[0]
        elif (kind, length) == (SACK, 2):
            found["sack"] = True
        elif (kind, length) == (TIMESTAMPS, 10):
            found["time"] = value[:4]
        options = options[length:]
    return Asked(**found)  # type: ignore[arg-type]


def kept_mss(version: int, mss: int | None) -> int | None:
    """What a cookie can say of it; None if that is too much."""
    if mss is None:
        return MSS[version][0]
    return max((m for m in MSS[version] if m <= mss), default=None)


def option_bits(version: int, asked: Asked, *, ecn: bool) -> int:
    """The 8 bits of a cookie."""
    kept = kept_mss(version, asked.mss)
    assert kept is not None
    scale = NO_SCALE if asked.scale is None else min(asked.scale, GREATEST_SCALE)
    return MSS[version].index(kept) << 6 | scale << 2 | asked.sack << 1 | ecn


def cookie(
    key: Key,
    generation: int,
    source: bytes,
    destination: bytes,
    ports: bytes,
    *,
    isn: int,
    bits: int,
    announced: int,
) -> int:
    """The number; `announced` is the window scale of the answer."""
    hashed = tuple_hash(key, source, destination, ports, isn, announced << 8 | bits)
    return generation % 4 << 30 | bits << 22 | hashed % (1 << 22)
