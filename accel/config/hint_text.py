"""Hints as text, one on a line, and as requests: read in one go, however long the text is.

api 192.0.2.7 b1 for 2h
api 2001:db8:7::/48 b2 require   # all of that network
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from accel.errors import InvalidError
from accel.model.hints import LONGEST
from accel.model.prefix import parse_prefix, parse_ttl
from accel.v1 import hint_pb2 as pb

HINTS = 1 << 15  # of one request
_LONGEST_LINE = 1000  # bytes
_LINE = re.compile(
    r"\s*([^\s#]+)\s+([^\s#]+)\s+([^\s#]+)(?:\s+for\s+([0-9a-z]+))?(\s+require)?\s*(?:#.*)?\Z"
)
_EMPTY = re.compile(r"\s*(?:#.*)?\Z")
_WHOLE = re.compile(r"batches\[(\d+)\]\.(?:service|backend|lifetime|longest)\Z")
FORM = "write it as: SERVICE CLIENT BACKEND for 2h require # why"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the hints of one batch have in common; `seconds` 0 for the service's lifetime."""

    service: str
    backend: str
    seconds: int
    require: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """A line that is not taken; `reason` as in the API."""

    line: int
    reason: str
    message: str
    hint: str


@dataclass(kw_only=True, slots=True)
class Request:
    """A message, and the lines of its entries in the order in which they are counted.

    `batches` has the lines of each batch by themselves.
    """

    message: Any
    lines: list[int]
    batches: list[list[int]]

    def wrong(self, errors: Iterable[Any]) -> Iterator[Wrong]:
        """The lines that an answer's errors are about."""
        for error in errors:
            whole = _WHOLE.match(error.field)
            lines = self.batches[int(whole[1])] if whole else [self.lines[error.entry]]
            for line in lines:
                yield Wrong(line=line, reason=error.reason, message=error.message, hint=error.hint)


@dataclass(kw_only=True)
class Reader:
    """Lines that cannot be read are in `wrong`. `seconds` is for lines that do not say it."""

    seconds: int = 0
    lines: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def requests(self, text: Iterable[bytes]) -> Iterator[Request]:
        """Of a text's lines. Of two hints for one client in a request the later one is said."""
        hints: dict[tuple[str, str | bytes], tuple[Terms, int]] = {}
        for raw in text:
            self.lines += 1
            try:
                found = self._read(raw)
            except InvalidError as error:
                self.wrong.append(
                    Wrong(
                        line=self.lines,
                        reason="FIELD_INVALID",
                        message=error.message.removeprefix(f"{error.field}: "),
                        hint=error.hint,
                    )
                )
                continue
            if found is None:
                continue
            client, terms = found
            hints[terms.service, client] = (terms, self.lines)
            if len(hints) >= HINTS:
                yield _request(hints)
                hints = {}
        if hints:
            yield _request(hints)

    def _read(self, raw: bytes) -> tuple[str | bytes, Terms] | None:
        """A packed address or a prefix, and what is said of it."""
        text = raw[:_LONGEST_LINE].decode(errors="replace").rstrip()
        found = _LINE.match(text) if len(raw) <= _LONGEST_LINE else None
        if found is None:
            if _EMPTY.match(text):
                return None
            raise InvalidError("line", f"{text.strip()[:80]!r} is no hint", hint=FORM)
        service, client, backend, ttl, require = found.groups()
        seconds = parse_ttl(ttl, "line") if ttl else self.seconds
        if seconds > LONGEST:
            raise InvalidError("line", f"{ttl} is more than a day", hint="a hint lives for a day")
        terms = Terms(service=service, backend=backend, seconds=seconds, require=bool(require))
        if "/" in client:
            return str(parse_prefix(client, "line")), terms
        try:
            return socket.inet_pton(
                socket.AF_INET6 if ":" in client else socket.AF_INET, client
            ), terms
        except OSError:
            raise InvalidError(
                "line", f"{client!r} is not an IPv4 or IPv6 address", hint=FORM
            ) from None


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Line by line; of one that is too long only as much as shows that."""
    while line := file.readline(_LONGEST_LINE + 1):
        rest = line
        while len(rest) > _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(_LONGEST_LINE + 1)
        yield line


def _request(hints: dict[tuple[str, str | bytes], tuple[Terms, int]]) -> Request:
    message, lines = pb.ApplyHintsRequest(), []
    packed: dict[Terms, tuple[list[bytes], list[int], list[bytes], list[int]]] = {}
    for (_, client), (terms, line) in hints.items():
        if isinstance(client, bytes):
            four, lines4, six, lines6 = packed.setdefault(terms, ([], [], [], []))
            (four if len(client) == 4 else six).append(client)
            (lines4 if len(client) == 4 else lines6).append(line)
        else:
            message.hints.add(client=client, **_fields(terms))
            lines.append(line)
    batches = []
    for terms, (four, lines4, six, lines6) in packed.items():
        message.batches.add(ipv4=b"".join(four), ipv6=b"".join(six), **_fields(terms))
        batches.append([*lines4, *lines6])
        lines += batches[-1]
    return Request(message=message, lines=lines, batches=batches)


def _fields(terms: Terms) -> dict[str, Any]:
    fields = {"service": terms.service, "backend": terms.backend, "require": terms.require}
    if terms.seconds:
        fields["lifetime"] = {"seconds": terms.seconds}
    return fields
