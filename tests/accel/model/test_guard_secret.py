"""Keys derived from the secret: against RFC 2104 by hand, and what a bad file says."""

import hashlib
from pathlib import Path

import pytest

from accel.errors import HostError, InvalidError
from accel.model import guard_secret

SECRET = bytes(range(32))


def _hmac(key: bytes, text: bytes) -> bytes:
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


@pytest.mark.parametrize("label", [guard_secret.CHALLENGE, guard_secret.COOKIE])
def test_a_key_is_the_start_of_an_hmac(label: bytes) -> None:
    digest = _hmac(SECRET, label + (29_700_123).to_bytes(8, "big"))
    expected = (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little"))
    assert guard_secret.derive_key(SECRET, label, 29_700_123) == expected


def test_generations_are_periods_of_unix_time() -> None:
    assert guard_secret.generation_at(0) == 0
    assert guard_secret.generation_at(119.9) == 1
    assert guard_secret.generation_at(120, 30) == 4


@pytest.mark.parametrize("generation", [5, 6, 7, 8])
def test_keys_lie_at_their_generation_modulo_4(generation: int) -> None:
    keys = guard_secret.keys_around(SECRET, guard_secret.COOKIE, generation)
    for near in range(generation - 1, generation + 3):
        assert keys[near % 4] == guard_secret.derive_key(SECRET, guard_secret.COOKIE, near)


def test_a_secret_is_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET.hex() + "\n")
    assert guard_secret.read_secret(path) == SECRET


@pytest.mark.parametrize(("text", "said"), [("xyz", "hexadecimal"), ("00ff", "2 bytes")])
def test_a_bad_secret_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(InvalidError, match=said):
        guard_secret.read_secret(path)


def test_a_missing_secret_is_told(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        guard_secret.read_secret(tmp_path / "secret")
