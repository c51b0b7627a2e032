"""One text out of many files: the project's own includes, put in place.

bcc rewrites map calls only in the text that it is handed, not in what that text includes. So the
quoted includes are inlined here, each once, with ``#line`` so that errors name the true place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accel.errors import ProgramError

BPF_DIR = Path(__file__).resolve().parents[1] / "bpf"
_INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is compiled at once: an entry of bpf/programs, with `defines` of its own.

    `name` is that of the file which what was compiled is kept in.
    """

    name: str
    entry: str
    defines: Mapping[str, int] = field(default_factory=dict)


def read_source(entry: Path | str) -> str:
    """The text of `entry` with all that it includes in quotes, as seen from bpf/ on, like `entry`.

    Raises ProgramError.
    """
    return "\n".join(_lines(BPF_DIR / entry, set(), "")) + "\n"


def _lines(path: Path, seen: set[Path], wanted_by: str) -> list[str]:
    if path in seen:
        return []
    seen.add(path)
    try:
        text = path.read_text()
    except OSError as e:
        raise ProgramError(
            f"{wanted_by}{path} cannot be read: {e.strerror}",
            hint="reinstall accel-gateway; includes are written as seen from bpf/ on",
        ) from None
    name = _name(path)
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() == "#pragma once":
            lines.append("")
        elif found := _INCLUDE.match(line):
            lines += _lines(BPF_DIR / found[1], seen, f"{path}:{number}: ")
            lines.append(f'#line {number + 1} "{name}"')
        else:
            lines.append(line)
    return lines


def _name(path: Path) -> str:
    """As seen from bpf/ on, so that the same text is the same wherever it is installed."""
    return str(path.relative_to(BPF_DIR) if path.is_relative_to(BPF_DIR) else path.name)


def read_constants(header: Path | str) -> dict[str, int]:
    """The plain numbers that a file of bpf/ or elsewhere defines: they stand in one place only."""
    text = (BPF_DIR / header).read_text()
    found = re.findall(r"^#define (\w+) (0x[0-9a-f]+|\d+)(?:ULL)?(?:\s|$)", text, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}
