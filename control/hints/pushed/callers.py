"""Who sets hints: names, and the numbers that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from accel.control.hints.pushed.ownership import CALLERS
from accel.errors import InvalidError

LOCAL = "local"
_LONGEST = 200  # characters of a name


class Callers:
    """`is_idle` says of a number whether no hint is of that caller: it may get another name."""

    def __init__(self, is_idle: Callable[[int], bool]) -> None:
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._is_idle = is_idle

    @property
    def names(self) -> Mapping[int, str]:
        """By number."""
        return self._names

    def number(self, name: str) -> int:
        """That of a name, which gets one if it has none. Raises InvalidError if there is none."""
        found = self._numbers.get(name)
        if found is None:
            found = self._take()
            self._numbers[name] = found
            self._names[found] = name
        return found

    def _take(self) -> int:
        if len(self._names) < CALLERS - 1:
            return len(self._names) + 1
        for number, name in self._names.items():
            if self._is_idle(number):
                del self._numbers[name]
                return number
        raise InvalidError(
            "caller",
            f"{CALLERS - 1} callers have hints already",
            hint="let callers of one kind have one name",
        )


def caller_of(said: str, certificate: str | None) -> str:
    """The name of who calls: `said` by itself, and in its certificate if there is one.

    Raises InvalidError.
    """
    if certificate == "":
        raise InvalidError(
            "caller",
            "the certificate has no common name",
            hint="hints are the caller's of that name: give the certificate one",
        )
    if certificate is not None and said not in ("", certificate):
        raise InvalidError(
            "caller",
            f"{said!r} is not the certificate's common name, {certificate!r}",
            hint="leave it out",
        )
    name = certificate or said or LOCAL
    if len(name) > _LONGEST or not name.isprintable():
        raise InvalidError(
            "caller",
            f"{name[:40]!r} is no name",
            hint=f"{_LONGEST} printable characters at the most",
        )
    return name
