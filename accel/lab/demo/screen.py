"""Sentences, and below them lines that are drawn again and again; plain without a terminal."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_REDRAW_SECONDS = 0.1
_PLAIN_SECONDS = 2.0


class Screen:
    """Writes to `stream`. Lines that are longer than the terminal is wide are cut."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._terminal = self._stream.isatty()
        self._drawn = 0
        self._last = 0.0
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """A sentence that stays, with the seconds since the start."""
        self.keep()
        self.write(f"[{time.monotonic() - self._started:4.1f} s] {text}")

    def write(self, text: str = "") -> None:
        """Lines as they are."""
        print(text, file=self._stream, flush=True)

    def draw(self, lines: Sequence[str], *, summary: str, now: bool = False) -> None:
        """Show `lines` in place of those of the last call; not more often than the eye can see.

        Without a terminal, `summary` is a line of its own now and then.
        """
        every = _REDRAW_SECONDS if self._terminal else _PLAIN_SECONDS
        if not now and time.monotonic() - self._last < every:
            return
        self._last = time.monotonic()
        if not self._terminal:
            self.write(f"         {summary}")
            return
        width = shutil.get_terminal_size().columns
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        body = "".join(f"\x1b[2K{_cut(line, width - 1)}\n" for line in lines)
        print(f"{up}{body}", end="", file=self._stream, flush=True)
        self._drawn = len(lines)

    def keep(self) -> None:
        """Let what is drawn stand; the next drawing begins below it."""
        self._drawn = 0
        self._last = 0.0


def _cut(line: str, width: int) -> str:
    """Colours take no room; a line that is cut has none."""
    plain = _COLOUR.sub("", line)
    return line if len(plain) <= width else plain[:width]
