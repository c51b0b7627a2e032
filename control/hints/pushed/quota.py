"""Which hints there is no room for: each new one takes some of what is left. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How many more there may be: in all, for the caller, and for services by index."""

    table: int
    caller: int
    services: dict[int, int]


def refused(
    new: Mask, other: Mask, services: npt.NDArray[np.int64], room: Room
) -> tuple[Mask, Mask, Mask]:
    """Of hints in order, those that are too many for the table, for their service and the caller.

    `new` ones were not there before, `other` ones are there and another caller's. What is refused
    takes no room.
    """
    of_table, of_service, of_caller = (np.zeros(len(new), np.bool_) for _ in range(3))
    for index in np.unique(services[new]).tolist():
        mine = new & (services == index)
        of_service |= _beyond(mine, room.services[index])
    of_table = _beyond(new & ~of_service, room.table)
    taking = (new & ~of_service & ~of_table) | other
    of_caller = _beyond(taking, room.caller)
    return of_table, of_service, of_caller


def _beyond(taking: Mask, room: int) -> Mask:
    """Those that come when `room` are taken."""
    result: Mask = taking & (taking.cumsum() > max(0, room))
    return result
