"""Names that say whose process made something, so that what it leaves can be removed."""

from __future__ import annotations

import itertools
import os

PREFIX = "accel"
_serial = itertools.count(1)


def unique() -> str:
    """`accel-PID.N`: what begins so is removed by `namespace.sweep` when that process is gone."""
    return f"{PREFIX}-{os.getpid()}.{next(_serial)}"
