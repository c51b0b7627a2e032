"""What decided where new flows of services with hints went: the list of bpf/maps/outcomes.h."""

from __future__ import annotations

import enum
import re

from accel.ebpf.source import BPF_DIR

_ENTRY = re.compile(r'O\((\w+), (\w+),\s*"([^"]*)"\)')
_LIST: list[tuple[str, str, str]] = _ENTRY.findall((BPF_DIR / "maps/outcomes.h").read_text())


class HintOutcome(enum.IntEnum):
    """Each new flow is counted in exactly one."""

    vars().update({entry[0]: number for number, entry in enumerate(_LIST, start=1)})

    @property
    def kind(self) -> str:
        """About which kind: cid, pushed, learned, prefix, base, warm, or none (empty)."""
        return _LIST[self - 1][1].replace("none", "")

    @property
    def meaning(self) -> str:
        """A sentence for the operator."""
        return _LIST[self - 1][2]

    @property
    def label(self) -> str:
        """The name in stats, metrics and the CLI."""
        return self.name.lower()
