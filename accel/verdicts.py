"""The verdicts, from the one list that names them: bpf/verdicts.h."""

from __future__ import annotations

import enum
import re

from accel.source import BPF_DIR

_ENTRY = re.compile(r'V\((\w+), (\w+), ([01]),\s*\\?\s*"([^"]*)"\)')
_LIST: list[tuple[str, str, str, str]] = _ENTRY.findall((BPF_DIR / "verdicts.h").read_text())


class Verdict(enum.IntEnum):
    """Why a packet ended as it did."""

    vars().update({entry[0]: number for number, entry in enumerate(_LIST, start=1)})

    @property
    def action(self) -> str:
        """FORWARD (as the backend's mode says), PASS, DROP or TX."""
        return _LIST[self - 1][1]

    @property
    def expected(self) -> bool:
        """True for what a healthy production shows."""
        return _LIST[self - 1][2] == "1"

    @property
    def meaning(self) -> str:
        """A sentence for the operator."""
        return _LIST[self - 1][3]

    @property
    def label(self) -> str:
        """The name in stats, metrics and the CLI."""
        return self.name.lower()

    @property
    def forward(self) -> bool:
        """True if the packet goes to a backend, which is then what it is counted for."""
        return self.action == "FORWARD"
