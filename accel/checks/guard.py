"""What each guard mode needs of the kernel and this host, tried by doing.

A mode that would fail silently is refused with what to set. Modes auth and retransmit need nothing
that the gateway does not need itself, and what cookie-backend needs is asked at its backends; so
all that can be wrong is wrong with cookie-local. docs/local-cookies.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from accel.checks.finding import Finding, ok, warn
from accel.datapath.guard.local_cookies import Sysctl, announced, sysctl
from accel.ebpf import features
from accel.errors import HostError
from accel.model.guard import GuardMode


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A sysctl that has to be one of `right`, of which the first is the best; `why`: what else."""

    name: str
    right: tuple[int, ...]
    why: str
    optional: bool = False  # may be missing: what it is about is not in this kernel then

    def problem(self, read: Sysctl) -> str:
        """What is wrong with it, or nothing."""
        found = read(self.name)
        if not found:
            return "" if self.optional else f"this kernel has no {self.name}"
        return "" if found[0] in self.right else f"{self.name} is {found[0]}: {self.why}"


SETTINGS = (
    Setting(
        name="net.ipv4.tcp_syncookies",
        right=(2,),
        why="listeners would reset every client",
    ),
    Setting(
        name="net.ipv4.tcp_timestamps",
        right=(2, 0),
        why="options travel in timestamps, which have a secret offset then",
    ),
    Setting(
        name="net.netfilter.nf_conntrack_tcp_loose",
        right=(1,),
        why="connection tracking sees no SYN, and calls the rest invalid",
        optional=True,
    ),
)
"""For mode cookie-local, in the network namespace of the gateway."""

_OTHERS = {
    GuardMode.AUTH: "works with any backend",
    GuardMode.COOKIE_BACKEND: "works with backends that run `accel backend run --cookies`",
    GuardMode.RETRANSMIT: "works with any backend",
}


def missing(
    mode: GuardMode,
    *,
    read: Sysctl = sysctl,
    cookies: Callable[[], None] = features.RAW_SYN_COOKIES.require,
) -> HostError | None:
    """What this host lacks for guards of `mode`, and what to do about it.

    `cookies` raises HostError if the kernel makes no raw SYN cookies.
    """
    if mode is not GuardMode.COOKIE_LOCAL:
        return None
    try:
        cookies()
    except HostError as error:
        return error
    wrong = [(setting, said) for setting in SETTINGS if (said := setting.problem(read))]
    if not wrong:
        return None
    values = " ".join(f"{setting.name}={setting.right[0]}" for setting, _ in wrong)
    return HostError(
        f"guard mode {mode.label} would fail: {'; '.join(said for _, said in wrong)}",
        hint=f"sysctl -w {values}",
    )


def check() -> Iterator[Finding]:
    """A finding for each guard mode, about this host."""
    for mode in GuardMode:
        name = f"guard {mode.label}"
        if error := missing(mode):
            yield warn(name, error.message, error.hint)
        elif mode is GuardMode.COOKIE_LOCAL:
            kept = [option.name.lower() for option in announced().options if option.name]
            yield ok(name, f"keeps of a connection: {', '.join(['MSS', *kept])}")
        else:
            yield ok(name, _OTHERS[mode])
