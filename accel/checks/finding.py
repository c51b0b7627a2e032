"""What a probe of the preflight found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`level` is ok, warn or fail; `fix` says how to get what is missing."""

    name: str
    level: str
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name=name, level="ok", found=found)


def warn(name: str, found: str, fix: str) -> Finding:
    """It works, but less well, or not in every case."""
    return Finding(name=name, level="warn", found=found, fix=fix)


def fail(name: str, found: str, fix: str) -> Finding:
    """The gateway does not work like this."""
    return Finding(name=name, level="fail", found=found, fix=fix)
