"""One text out of many files: the project's own includes, put in place.

bcc rewrites map calls only in the text that it is handed, not in what that text includes. So the
quoted includes are inlined here, each once, with ``#line`` so that errors name the true place.
"""

from __future__ import annotations

import re
from pathlib import Path

from accel.errors import ProgramError

BPF_DIR = Path(__file__).resolve().parents[1] / "bpf"
_INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def read_source(entry: Path) -> str:
    """The text of `entry` with all that it includes in quotes. Raises ProgramError."""
    return "\n".join(_lines(entry, set(), f"{entry}")) + "\n"


def _lines(path: Path, seen: set[Path], wanted_by: str) -> list[str]:
    if path in seen:
        return []
    seen.add(path)
    try:
        text = path.read_text()
    except OSError as e:
        raise ProgramError(
            f"{wanted_by} needs {path}: {e.strerror}", hint="reinstall accel-gateway"
        ) from None
    lines = [f'#line 1 "{path}"']
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() == "#pragma once":
            lines.append("")
        elif found := _INCLUDE.match(line):
            lines += _lines(path.parent / found[1], seen, f"{path}:{number}")
            lines.append(f'#line {number + 1} "{path}"')
        else:
            lines.append(line)
    return lines


def read_constants(header: str) -> dict[str, int]:
    """The plain numbers that `header` of bpf/ defines, so that they stand in one place only."""
    text = (BPF_DIR / header).read_text()
    found = re.findall(r"^#define (\w+) (0x[0-9a-f]+|\d+)(?:ULL)?(?:\s|$)", text, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}
