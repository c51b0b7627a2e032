"""What a guard's mode needs of this host and of its service: asked before a write is stored, and
looked at while the guard runs. What it is that a mode needs stands in accel/checks/guard.py."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from accel.checks import guard as guard_needs
from accel.checks.listeners import Listener, unusual_listeners
from accel.datapath.guard.actions import Level, Rule, Stance
from accel.datapath.guard.local_cookies import NOTHING, Announced, Option, announced
from accel.errors import HostError
from accel.model.backend import Backend, Mode
from accel.model.guard import Guard, GuardMode, Policy
from accel.model.service import Service

_log = logging.getLogger(__name__)


def uses_host(guard: Guard) -> bool:
    """Whether what the guard does goes by this host's settings."""
    return guard.mode is GuardMode.COOKIE_LOCAL and guard.policy is not Policy.OFF


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What the host lacks, or else what cookies may announce, and where it would be wrong."""

    lacks: str = ""
    offer: Announced = NOTHING
    unusual: frozenset[Listener] = frozenset()


class HostNeeds:
    """This host, as guards see it. The functions are for tests that need no kernel."""

    def __init__(
        self,
        *,
        missing: Callable[[GuardMode], HostError | None] = guard_needs.missing,
        announced: Callable[[], Announced] = announced,
        unusual: Callable[[], frozenset[Listener]] = unusual_listeners,
    ) -> None:
        self._missing = missing
        self._announced = announced
        self._unusual = unusual
        self._seen = _Seen()

    def require(
        self, before: Service | None, service: Service, backends: Collection[Backend]
    ) -> None:
        """Raises HostError if the guard of `service`, as it was until now `before`, cannot do
        what it is told. A guard that stays as it is does not keep others from being changed."""
        guard = service.guard
        if not uses_host(guard):
            return
        for backend in backends:
            if backend.mode is not Mode.LOCAL:
                raise HostError(
                    f"guard mode {guard.mode.label} is for connections that end on this host, and "
                    f"backend {backend.name!r} of service {service.name!r} is of mode "
                    f"{backend.mode.name.lower()}",
                    hint="use backends of mode local, or another guard mode",
                )
        if (before is None or before.guard != guard) and (lacks := self._missing(guard.mode)):
            raise lacks

    def look(self) -> bool:
        """Look at the host again, and say in the log what is new. Returns whether anything is."""
        mode, before = GuardMode.COOKIE_LOCAL, self._seen
        lacks = self._missing(mode)
        if lacks:
            self._seen = _Seen(lacks=str(lacks))
        else:
            self._seen = _Seen(offer=self._announced(), unusual=self._unusual())
        if lacks and before.lacks != self._seen.lacks:
            _log.warning("guards of mode %s only monitor: %s", mode.label, lacks)
        elif before.lacks and not lacks:
            _log.info("guards of mode %s answer again: the host is set right", mode.label)
        return self._seen != before

    def problem(self, guard: Guard) -> str:
        """What the host lacks for this guard, and what to do, as it was seen last."""
        return self._seen.lacks if uses_host(guard) else ""

    def fit(self, stance: Stance, service: Service) -> Stance:
        """`stance`, but no more than this host can do: what would fail only monitors."""
        if stance.mode is not GuardMode.COOKIE_LOCAL:
            return stance
        if self._seen.lacks:
            levels = {
                rule: Level.MONITOR if rule in (Rule.SYN, Rule.UNKNOWN) and level else level
                for rule, level in stance.levels.items()
            }
            return replace(stance, levels=levels)
        offer = self._seen.offer
        options = offer.options
        if any(one.hears(service.address, service.port) for one in self._seen.unusual):
            options &= ~Option.SCALE
        return replace(stance, options=options, wscale=offer.scale)
