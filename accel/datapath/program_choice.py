"""Which program is attached: the one that looks for what there is, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable

from accel.datapath.programs import GATEWAY_PREFIX, VARIANTS, Programs


class ProgramChoice:
    """`prefixes` and `hints` say whether there are any now."""

    def __init__(
        self, programs: Programs, *, prefixes: Callable[[], bool], hints: Callable[[], bool]
    ) -> None:
        self._programs = programs
        self._prefixes = prefixes
        self._hints = hints

    def choose(self) -> None:
        """Attach what is right now. Raises ProgramError and HostError."""
        self._programs.choose(prefixes=self._prefixes(), hints=self._hints())

    def activate(self) -> None:
        """Choose, once the maps are right: an earlier program that is attached is replaced."""
        self.choose()
        self._programs.activate()

    def prepare_prefixes(self) -> None:
        """Compile and load what searches prefixes. Raises ProgramError and HostError."""
        self._programs.prepare(GATEWAY_PREFIX)

    def prepare_hints(self) -> None:
        """Compile and load what hints take. Raises ProgramError and HostError."""
        self._programs.prepare(VARIANTS[self._prefixes(), True])
