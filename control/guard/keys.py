"""The guard's keys of this gateway: its secret in a file, and which of them the data path has."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from accel.control.gateway.part import Part
from accel.control.ports import KeyPort
from accel.control.state.state import State
from accel.datapath.guard.maps import GuardKeys
from accel.errors import HostError, InvalidError
from accel.model import guard_secret
from accel.model.guard_secret import CHALLENGE, COOKIE, KEY_PERIOD, SECRET_BYTES

PERIODS = (2, 86_400)  # seconds, least and greatest: a client's answer must come within one
RECONNECT = 10.0  # seconds in which backends find a daemon that serves again

_log = logging.getLogger(__name__)


def check_period(seconds: int) -> int:
    """Return `seconds`, or raise InvalidError."""
    if not PERIODS[0] <= seconds <= PERIODS[1]:
        raise InvalidError("--key-period", f"{seconds} is not from {PERIODS[0]} to {PERIODS[1]}")
    return seconds


def secret_beside(state: Path) -> bytes:
    """That of the file guard-secret in the folder of `state`, which is made if it is not there.

    Raises HostError and InvalidError.
    """
    path = state.with_name("guard-secret")
    if not path.exists():
        _make(path)
    return guard_secret.read_secret(path)


def _make(path: Path) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(f"{secrets.token_hex(SECRET_BYTES)}\n")
            file.flush()
            os.fsync(fd)
        new.replace(path)
    except OSError as error:
        raise HostError(
            f"cannot write the guard's secret to {path}: {error.strerror}",
            hint="see that the folder is writable, or give a file with --guard-secret",
        ) from None
    _log.debug("a new secret for the guard's keys is in %s", path)


class KeyRing:
    """The keys of one `secret`, another generation each `period` of seconds of `clock`."""

    def __init__(
        self,
        secret: bytes = b"",
        *,
        period: int = KEY_PERIOD,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.secret = secret or secrets.token_bytes(SECRET_BYTES)
        self.period = period
        self._clock = clock
        self._generation = -1
        self._not_before = 0.0

    def generation(self) -> int:
        """The present one."""
        return guard_secret.generation_at(self._clock(), self.period)

    def keys(self, generation: int) -> GuardKeys:
        """Those that the data path has while `generation` is the present one."""
        return GuardKeys(
            generation=generation,
            challenge=guard_secret.keys_around(self.secret, CHALLENGE, generation),
            cookie=guard_secret.keys_around(self.secret, COOKIE, generation),
        )

    def begin(self, maps: KeyPort) -> None:
        """The first roll. An adopted data path keeps its keys for now: backends that follow them
        have to come back first, and know only those that they were last told."""
        if maps.adopted:
            self._not_before = math.inf
        else:
            self.roll(maps)

    def serve(self) -> None:
        """From now on backends are told the present keys, and can come back."""
        if self._not_before:
            self._not_before = self._clock() + RECONNECT

    def roll(self, maps: KeyPort) -> bool:
        """Give the data path the present keys if it has not got them. Whether it had not."""
        now = self._clock()
        present = guard_secret.generation_at(now, self.period)
        if present == self._generation or now < self._not_before:
            return False
        maps.set_keys(self.keys(present))
        self._generation = present
        return True


class Keys(Part):
    """Sees to it that the data path has the present keys of the ring."""

    def __init__(self, ring: KeyRing, maps: KeyPort) -> None:
        self._ring = ring
        self._maps = maps

    async def start(self, state: State) -> None:
        self._ring.begin(self._maps)

    def serving(self) -> None:
        self._ring.serve()

    def tick(self) -> None:
        self._ring.roll(self._maps)
