"""What is printed: aligned tables for people, JSON and YAML for machines, colours on a terminal."""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from accel.model import plain_values as form

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "faint": "2"}
_NUMBER = re.compile(r"[\d,]+(\.\d+)?( ?[%kMGT]?B?)?\Z")
_WORDS = {
    "up": "green",
    "ok": "green",
    "drain": "yellow",
    "warn": "yellow",
    "down": "red",
    "fail": "red",
}


@dataclass(frozen=True)
class Table:
    """Rows under a header. Columns of numbers stand to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]

    def text(self) -> str:
        """Its lines, the header's words in bold."""
        rows = [[str(cell) for cell in row] for row in self.rows]
        columns = list(zip(self.header, *rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        right = [bool(rows) and all(map(_numeric, column[1:])) for column in columns]
        lines = [self._line(self.header, widths, right, lambda word: paint(word, "bold"))]
        lines += [self._line(row, widths, right, _painted_word) for row in rows]
        return "\n".join(lines)

    @staticmethod
    def _line(
        cells: Sequence[str],
        widths: Sequence[int],
        right: Sequence[bool],
        painted: Callable[[str], str],
    ) -> str:
        parts = []
        for cell, width, to_right in zip(cells, widths, right, strict=True):
            space = " " * (width - len(cell))
            parts.append(space + painted(cell) if to_right else painted(cell) + space)
        return "  ".join(parts).rstrip()


def emit(form: str, value: object, human: Callable[[], str]) -> None:
    """Print `value` as JSON or YAML, or what `human` returns, to standard output."""
    if form == "table":
        print(human())
    elif form == "json":
        print(json.dumps(plain(value), indent=2))
    else:
        print(_yaml(value), end="")


def emit_each(form: str, value: object, human: str) -> None:
    """As `emit`, for one of a stream: JSON on one line, YAML as a document of its own."""
    if form == "json":
        print(json.dumps(plain(value)))
    elif form == "yaml":
        print(f"---\n{_yaml(value)}", end="")
    else:
        print(human)
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """`value` in what JSON knows: enumerations as lower-case names, bytes in hexadecimal."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return form.word(value)
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _yaml(value: object) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(plain(value), Dumper=dumper, sort_keys=False, allow_unicode=True))


def note(text: str) -> None:
    """A remark for a person, to standard error."""
    print(text, file=sys.stderr)


def paint(text: str, colour: str) -> str:
    """`text` in a colour, or bold or faint, if standard output is a terminal that wants it."""
    if not coloured():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def coloured() -> bool:
    """See https://no-color.org for NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def _painted_word(word: str) -> str:
    return paint(word, _WORDS[word]) if word in _WORDS else word


def _numeric(text: str) -> bool:
    return _NUMBER.match(text) is not None


def amount(value: float) -> str:
    """A count with separators, as in 1,234,567."""
    return f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes as in 1.5 MB (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def blocks(parts: Iterable[str]) -> str:
    """Texts with a blank line between them, without the empty ones."""
    return "\n\n".join(part for part in parts if part)
