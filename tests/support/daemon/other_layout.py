"""Limits by which maps are laid out otherwise than by default: one set of them for all tests.

What was compiled is kept in a folder of its own, where it does not take the place of what daemons
with the default limits have.
"""

from __future__ import annotations

import os
from pathlib import Path

from accel.model.placement import Limits

FLOWS = 1 << 16

OTHER_LAYOUT = (
    *("--max-flows", str(FLOWS)),
    *("--max-backends", "512"),
    *("--cache", str(Path(os.environ["ACCEL_CACHE"]) / "other-layout")),
)
"""Options of acceld."""

USUAL_LAYOUT = (
    *("--max-flows", str(Limits().flows)),
    *("--max-backends", str(Limits().backends)),
    *("--cache", os.environ["ACCEL_CACHE"]),
)
"""The options of one that was started with the others, to have the default limits again."""
