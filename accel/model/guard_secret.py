"""The guard's keys, derived from one secret: who has it has them all, gateways and backends alike.

A generation is a key period of unix time, counted from 1970. The key of a generation is
HMAC-SHA256(secret, label || generation as 8 bytes, big-endian), its first 16 bytes, which are two
little-endian words (the SipHash paper's k0 and k1). Pure but for `read_secret`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path

from accel.errors import HostError, InvalidError

SECRET_BYTES = 32  # of a new secret
LEAST_SECRET_BYTES = 16
KEY_PERIOD = 60  # seconds
GENERATIONS = 4  # of keys that are known at a time: KEY_GENERATIONS of bpf/lib/key_generations.h
CHALLENGE, COOKIE = b"challenge", b"cookie"
Key = tuple[int, int]
_KEY = struct.Struct("<QQ")


def generation_at(unix_time: float, period: int = KEY_PERIOD) -> int:
    """The generation of keys in use at that time; periods in seconds."""
    return int(unix_time // period)


def derive_key(secret: bytes, label: bytes, generation: int) -> Key:
    """The SipHash key of one generation for one use, CHALLENGE or COOKIE."""
    digest = hmac.digest(secret, label + struct.pack(">Q", generation), hashlib.sha256)
    return key_of_bytes(digest[: _KEY.size])


def key_of_bytes(data: bytes) -> Key:
    """From its 16 bytes. Raises ValueError if they are more or fewer."""
    if len(data) != _KEY.size:
        raise ValueError(f"a key of {len(data)} bytes, not {_KEY.size}")
    first, second = _KEY.unpack(data)
    return first, second


def key_bytes(key: Key) -> bytes:
    """Its 16 bytes."""
    return _KEY.pack(*key)


def keys_around(secret: bytes, label: bytes, generation: int) -> tuple[Key, ...]:
    """Those of the generation before, this one and the two after it, by generation modulo 4."""
    near = sorted(range(generation - 1, generation + 3), key=lambda g: g % GENERATIONS)
    return tuple(derive_key(secret, label, max(0, g)) for g in near)


def read_secret(path: Path) -> bytes:
    """The secret in a file: hexadecimal digits. Raises HostError and InvalidError."""
    try:
        text = path.read_text(encoding="ascii")
        secret = bytes.fromhex(text.strip())
    except OSError as error:
        raise HostError(
            f"cannot read the secret in {path}: {error.strerror}",
            hint="it is in the file guard-secret beside the gateway's state file",
        ) from None
    except ValueError:
        raise InvalidError(
            f"{path}", "is no hexadecimal number", hint="make one: openssl rand -hex 32"
        ) from None
    if len(secret) < LEAST_SECRET_BYTES:
        raise InvalidError(
            f"{path}",
            f"has {len(secret)} bytes, fewer than {LEAST_SECRET_BYTES}",
            hint="make one: openssl rand -hex 32",
        )
    return secret
