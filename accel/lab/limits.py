"""Maps as small as tests need them: they are read and cleared as a whole, again and again."""

from __future__ import annotations

from accel.model.placement import Limits

SMALL = Limits(services=64, backends=128, flows=128, sources=4096, prefixes=1024, hints=1024)
