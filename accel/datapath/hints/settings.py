"""How hints are used for each service, and which program that takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from accel.datapath.hints.maps import HintMaps
from accel.datapath.program_choice import ProgramChoice
from accel.datapath.steering.entries import Entries
from accel.datapath.steering.extension import Extension
from accel.model.hints import HintUse
from accel.model.placement import PlacedService


class HintSettings(Extension):
    """Services are called by their index."""

    def __init__(self, maps: HintMaps, entries: Entries, choice: ProgramChoice) -> None:
        self._maps = maps
        self._entries = entries
        self._choice = choice

    def set(self, uses: Mapping[int, HintUse]) -> int:
        """How hints are used for services from now on. Returns how many writes it took.

        What is adopted is to be set before the first `sync`. Raises ProgramError and HostError,
        nothing changed.
        """
        if not all(use.idle for use in uses.values()):
            self.prepare()
        changed = [index for index, use in uses.items() if self._maps.configure(index, use)]
        for index in changed:
            self._entries.mark(index, self._maps.marked(index))
        self._choice.choose()
        return len(changed)

    def prepare(self) -> None:
        """Compile and load what hints take, so that the first need not wait for it.

        Raises ProgramError and HostError.
        """
        self._choice.prepare_hints()

    def marks(self, index: int) -> int:
        return self._maps.marked(index) ^ index

    def keep(self, indices: Collection[int]) -> None:
        self._maps.keep(indices)

    def drop(self, indices: Collection[int]) -> None:
        self._maps.drop(indices)

    def forget(self, numbers: Collection[int]) -> None:
        self._maps.forget(numbers)

    def reset_service(self, index: int) -> None:
        self._maps.reset_counts(index)

    def reset_backend(self, number: int) -> None:
        self._maps.loads.begin_backend(number)

    def second(self, services: Mapping[int, PlacedService]) -> None:
        self._maps.second(services)
