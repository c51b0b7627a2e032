"""What our guard does while it is flooded, by the name of the side."""

from __future__ import annotations

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import GuardMode

LEVELS = {Rule.SYN: Level.ON, Rule.UNKNOWN: Level.ON}
STANCES = {
    "auth": Stance(levels=LEVELS),
    "cookie": Stance(levels=LEVELS, mode=GuardMode.COOKIE_BACKEND),
}
