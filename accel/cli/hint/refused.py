"""Hints that the daemon does not take, as errors of this package, and its client."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from accel.cli import connect
from accel.errors import AccelError, CapacityError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from accel.client.hints import PushedClient


class Refused(AccelError):
    """One of ApplyHints' errors; the exit code is that of its reason."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code(reason)


def exit_code(reason: str) -> int:
    """That of the errors which have this reason elsewhere."""
    if reason == "NOT_FOUND":
        return NotFoundError.exit_code
    return InvalidError.exit_code if reason == "FIELD_INVALID" else CapacityError.exit_code


def check(answer: Any) -> None:
    """Raises Refused for the first error of an ApplyHintsResponse."""
    for error in answer.errors:
        raise Refused(error.reason, error.message, hint=error.hint)


def client(options: argparse.Namespace) -> PushedClient:
    """A client of the daemon; nothing is sent yet."""
    connect.quiet()
    from accel.client.hints import PushedClient

    return PushedClient(connect.socket_path(options), seconds=options.timeout)
