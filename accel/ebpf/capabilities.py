"""The capabilities of this process (capabilities(7)), and those that it needs."""

from __future__ import annotations

import re
from pathlib import Path

from accel.errors import HostError

BITS = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_ADMIN": 21,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}
IN_A_UNIT = "AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_NET_RAW CAP_PERFMON"


def effective(status: str | None = None) -> set[str]:
    """Of BITS, those in the text of /proc/PID/status, by default of this process."""
    text = Path("/proc/self/status").read_text() if status is None else status
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", text, re.MULTILINE)
    mask = int(found[1], 16) if found else 0
    return {name for name, bit in BITS.items() if mask >> bit & 1}


def missing(has: set[str]) -> list[str]:
    """What the data path cannot do without. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON."""
    needed = {"CAP_NET_ADMIN"}
    if "CAP_SYS_ADMIN" not in has:
        needed |= {"CAP_BPF", "CAP_PERFMON"}
    return sorted(needed - has)


def require() -> None:
    """Raises HostError that names what is missing."""
    if lacks := missing(effective()):
        raise HostError(
            f"this process lacks {', '.join(lacks)}",
            hint=f"run it as root; a service needs {IN_A_UNIT}",
        )
