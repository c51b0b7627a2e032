"""Which keys the data path has, and where their secret is kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.control.guard.keys import RECONNECT, KeyRing, check_period, secret_beside
from accel.datapath.guard.maps import GuardKeys
from accel.errors import HostError, InvalidError
from accel.model import guard_secret

SECRET = bytes(range(32))


class Maps:
    """Remembers the keys that it was given."""

    def __init__(self, *, adopted: bool = False) -> None:
        self.adopted = adopted
        self.given: list[GuardKeys] = []

    def set_keys(self, keys: GuardKeys) -> None:
        self.given.append(keys)


def test_keys_are_given_once_in_a_period() -> None:
    times = [600.0, 630.0, 659.9, 660.0, 719.0, 3600.0, 3590.0]
    ring, maps = KeyRing(SECRET, period=60, clock=iter(times).__next__), Maps()
    for _ in times:
        ring.roll(maps)
    assert [keys.generation for keys in maps.given] == [10, 11, 60, 59]


@pytest.mark.parametrize(("adopted", "given"), [(False, [10, 11, 12]), (True, [12])])
def test_an_adopted_data_path_keeps_its_keys_until_backends_are_back(
    adopted: bool, given: list[int]
) -> None:
    now = 600.0
    ring, maps = KeyRing(SECRET, period=60, clock=lambda: now), Maps(adopted=adopted)
    ring.begin(maps)
    for now in (660.0, 720.0):
        if now == 720.0:
            ring.serve()
        ring.roll(maps)
    now = 720.0 + RECONNECT
    ring.roll(maps)
    assert [keys.generation for keys in maps.given] == given


@given(st.integers(1, 2**31))
def test_a_roll_keeps_the_keys_that_are_still_valid(generation: int) -> None:
    ring = KeyRing(SECRET)
    before, after = ring.keys(generation), ring.keys(generation + 1)
    for keys in (before, after):
        for near in range(keys.generation - 1, keys.generation + 3):
            expected = guard_secret.derive_key(SECRET, guard_secret.COOKIE, near)
            assert keys.cookie[near % 4] == expected
    for valid in (generation, generation + 1):
        assert before.challenge[valid % 4] == after.challenge[valid % 4]
    assert set(before.challenge).isdisjoint(before.cookie)


def test_without_a_secret_each_ring_has_its_own() -> None:
    assert KeyRing().keys(7) != KeyRing().keys(7)


def test_the_secret_is_made_once_for_nobody_else_to_read(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    secret = secret_beside(state)
    assert len(secret) == guard_secret.SECRET_BYTES
    assert secret_beside(state) == secret
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name == "guard-secret"


def test_a_secret_that_is_none_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "guard-secret").write_text("hunter2\n")
    with pytest.raises(InvalidError, match="hexadecimal"):
        secret_beside(tmp_path / "state.db")
    assert (tmp_path / "guard-secret").read_text() == "hunter2\n"
    with pytest.raises(HostError, match="cannot write"):
        secret_beside(tmp_path / "nowhere" / "state.db")


@pytest.mark.parametrize("seconds", [0, 1, 86_401])
def test_periods_out_of_range_are_refused(seconds: int) -> None:
    with pytest.raises(InvalidError, match="--key-period"):
        check_period(seconds)
