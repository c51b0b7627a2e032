"""The interfaces that the program is attached to."""

from __future__ import annotations

from accel.datapath.programs import Programs
from accel.ebpf.links import Attachment


class Interfaces:
    """They run whichever program is chosen."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def attach(self, interface: str, mode: str = "auto") -> Attachment:
        """Attach the program. `mode` is "auto", "native" or "generic"; see Links.attach."""
        return self._programs.links.attach(self._programs.chosen, interface, mode)

    def detach(self, interface: str) -> None:
        """Raises NotFoundError if the program is not attached there."""
        self._programs.links.detach(interface)

    def attachments(self) -> list[Attachment]:
        """Where the program is attached."""
        return self._programs.links.attachments()
