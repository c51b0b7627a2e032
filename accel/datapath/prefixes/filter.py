"""Allowed and denied prefixes: the program looks for them as long as there are any."""

from __future__ import annotations

from collections.abc import Callable

from accel.datapath.maps import MapSet
from accel.datapath.prefixes.table import PrefixTable
from accel.datapath.program_choice import ProgramChoice
from accel.model.prefix_columns import Prefixes


class PrefixFilter(PrefixTable):
    """The table, and the choice of the program that goes by it."""

    def __init__(self, maps: MapSet, choice: ProgramChoice) -> None:
        super().__init__(maps)
        self._choice = choice

    def plan(
        self, put: Prefixes, remove: Prefixes | None = None, *, only: bool = False
    ) -> Callable[[], int]:
        """All that takes long or may fail; what is returned does the rest: see PrefixTable.plan.

        Raises CapacityError, InvalidError, ProgramError and HostError; nothing has changed then.
        """
        write = super().plan(put, remove, only=only)
        if len(put):
            self.prepare()

        def write_and_attach() -> int:
            writes = write()
            self._choice.choose()
            return writes

        return write_and_attach

    def prepare(self) -> None:
        """Compile and load what searches them, so that the first one need not wait for it.

        Raises ProgramError and HostError.
        """
        self._choice.prepare_prefixes()
