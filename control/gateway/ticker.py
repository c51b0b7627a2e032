"""Ten times a second: a tick for every part, in the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from accel.control.gateway.part import Part
from accel.errors import AccelError

TICK = 0.1  # seconds
GREATEST_SHARE = 0.1  # of the time that may go into ticks: they are rarer where they are dear
LONGEST_PAUSE = 0.5  # seconds, however dear they are

_log = logging.getLogger(__name__)


async def tick(parts: Sequence[Part]) -> None:
    """For ever."""
    while True:
        began, spent = time.monotonic(), 0.0
        try:
            at = time.thread_time()
            for part in parts:
                part.tick()
            spent = time.thread_time() - at
            for part in parts:
                await part.ticked()
        except AccelError as error:
            _log.error("%s; trying again", error)
        except Exception:  # a bug of ours: the next tick may be better
            _log.exception("an error inside acceld")
        rest = max(TICK - (time.monotonic() - began), spent / GREATEST_SHARE)
        await asyncio.sleep(min(rest, max(TICK, LONGEST_PAUSE)))
