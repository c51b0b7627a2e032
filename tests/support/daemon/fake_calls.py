"""What fakes were told, in the order of the calls."""

from __future__ import annotations

from accel.errors import HostError


class Calls(list[tuple[object, ...]]):
    """While it is `broken`, calls that are noted fail."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def note(self, *call: object) -> None:
        self.append(call)
        if self.broken:
            raise HostError("the map is on fire", hint="put it out")
