"""`accel backend run --cookies`: accepts a gateway's SYN cookies, with keys that roll.

The keys are derived from the gateway's secret and this host's clock, or they are followed from
the gateway's daemon. Keys of the next generation are there before any gateway uses them, so no
handshake in flight ends at a roll; without news the keys at hand stay.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from accel.backend.cookie_acceptor import Accept, CookieKeys, check_host
from accel.backend.time_wait import WayClearer
from accel.backend.verdicts import Counts
from accel.errors import AccelError
from accel.model.guard_secret import COOKIE, KEY_PERIOD, generation_at, keys_around, read_secret

_log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where keys come from."""

    def refresh(self) -> None:
        """Called once a second."""

    def close(self) -> None:
        """No more keys."""


KeySource = Callable[[Callable[[CookieKeys], None]], Keys]
"""Starts to call what it is given with new keys."""


class SecretKeys:
    """Keys of a gateway's secret, by this host's clock, which may be wrong by a key period."""

    def __init__(
        self,
        path: Path,
        on_keys: Callable[[CookieKeys], None],
        *,
        period: int = KEY_PERIOD,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = read_secret(path)
        self._on_keys = on_keys
        self._period = period
        self._clock = clock
        self._generation = 0
        self.refresh()

    def refresh(self) -> None:
        """Roll, if it is time."""
        generation = generation_at(self._clock(), self._period)
        if generation != self._generation:
            keys = keys_around(self._secret, COOKIE, generation)
            self._on_keys(CookieKeys(generation=generation, keys=keys))
            self._generation = generation

    def close(self) -> None:
        """Nothing to do."""


class Accepting:
    """The program at work on one interface: a part of `accel backend run`.

    `sources` of keys are MAX_GATEWAYS at the most, and valid beside each other. Raises HostError
    if the kernel or its settings refuse it, NotFoundError, InvalidError.
    """

    def __init__(self, *, interface: str, sources: Sequence[KeySource]) -> None:
        check_host()
        self._interface = interface
        self._keys: list[Keys] = []
        self._refused = 0
        self._told = False
        self._accept = Accept()
        self._way = WayClearer(self._accept)
        try:
            # First of all: with the first keys it says that it accepts.
            self._accept.attach(interface)
            for gateway, source in enumerate(sources):
                self._keys.append(source(partial(self._take, gateway)))
        except AccelError:
            self.close()
            raise
        if not self._told:
            _log.info("waiting for keys; until then no cookie is accepted on %s", interface)

    def refresh(self) -> None:
        """Roll the keys if it is time, and say what the kernel refuses."""
        for keys in self._keys:
            keys.refresh()
        self._accept.forget_former()
        counts = {verdict.name: packets for verdict, (packets, _) in self.counts().items()}
        if refused := counts["refused"] - self._refused:
            _log.warning(
                "the kernel refused %d connections with valid cookies: see whether the server "
                "listens by MPTCP, and the net.ipv4.tcp_* settings",
                refused,
            )
        self._refused = counts["refused"]

    def counts(self) -> Counts:
        """Packets and bytes by verdict."""
        return self._accept.counts()

    def close(self) -> None:
        """Detach and unload."""
        for keys in self._keys:
            keys.close()
        self._way.close()
        self._accept.close()

    def _take(self, gateway: int, keys: CookieKeys) -> None:
        self._accept.set_keys(keys, gateway)
        if not self._told:
            _log.info("accepting SYN cookies on %s", self._interface)
        self._told = True
