"""The data path as user space sees it: the maps and programs, and an object for each concern.

                ┌ entries ◀──── steering ───▶ flows      services and backends in
maps, programs ─┤    ▲             │ tells
                │    │             ▼
                │    └───── extensions: counters, guards, hint_settings
                ├ prefixes  hints  interfaces            what else there is to say or to ask
                └ run                                    a packet in, an outcome out
"""

from __future__ import annotations

from pathlib import Path

from accel.datapath.capacity import Capacity, capacities
from accel.datapath.counters import Counters
from accel.datapath.flows import Flows
from accel.datapath.guard.guards import ServiceGuards
from accel.datapath.hints.maps import HintMaps
from accel.datapath.hints.settings import HintSettings
from accel.datapath.interfaces import Interfaces
from accel.datapath.layout import layout_hash
from accel.datapath.maps import MapSet, remove_folder
from accel.datapath.prefixes.filter import PrefixFilter
from accel.datapath.program_choice import ProgramChoice
from accel.datapath.programs import GATEWAY, Programs
from accel.datapath.steering.backends import WORDS
from accel.datapath.steering.entries import Entries
from accel.datapath.steering.steering import Steering
from accel.datapath.testrun import Outcome, explain
from accel.model.placement import Limits


class DataPath:
    """The loaded program and its maps. One process at a time: the caller holds the lock."""

    def __init__(self, maps: MapSet, root: Path | None) -> None:
        self._maps = maps
        self.limits = maps.limits
        self.pin_path = maps.folder
        self.adopted = maps.adopted
        self._programs = Programs(maps, root)
        self.entries = Entries(maps)
        choice = ProgramChoice(
            self._programs,
            prefixes=lambda: len(self.prefixes) > 0,
            hints=lambda: self.hints.active,
        )
        self.interfaces = Interfaces(self._programs)
        self.counters = Counters(maps)
        self.flows = Flows(
            maps.words("flows"),
            maps.words("backends").reshape(-1, WORDS),
            maps.words("settings"),
            maps.words("proven"),
        )
        self.guards = ServiceGuards(maps, self.entries, self.counters, self._programs)
        self.prefixes = PrefixFilter(maps, choice)
        self.hints = HintMaps(maps)
        self.hint_settings = HintSettings(self.hints, self.entries, choice)
        self.steering = Steering(
            maps,
            entries=self.entries,
            flows=self.flows,
            choice=choice,
            extensions=(self.counters, self.guards, self.hint_settings),
        )

    @classmethod
    def open(cls, pin_root: Path | None, limits: Limits, kept: Path | None = None) -> DataPath:
        """Compile and load; adopt the maps below `pin_root` if they are of this layout.

        Nothing is pinned without `pin_root`. In the folder `kept` stays what was compiled, for the
        next start. The program is not on any interface before the first
        `steering.sync`, except where an earlier one is: it is replaced then. Raises HostError,
        ProgramError, and InvalidError for limits out of range.
        """
        limits.check()
        folder = pin_root / layout_hash(limits) if pin_root else None
        return cls(MapSet.open(folder, limits, GATEWAY, kept), pin_root)

    @property
    def program(self) -> int:
        """The file descriptor of the program that is attached."""
        return self._programs.chosen

    def run(self, frame: bytes) -> Outcome:
        """Run one Ethernet frame through the loaded program; the maps stay as they are.

        Raises HostError before kernel 5.18.
        """
        return explain(self.program, frame)

    def capacities(self) -> list[Capacity]:
        """Each map, how full it is, and the memory that it takes."""
        placed = self.entries.placed.values()
        backends = sum(len(s.backends) for s in placed)
        return capacities(
            self._maps,
            {
                "services": len(placed),
                "backends": backends,
                "rings": sum(s.service.ring_size for s in placed),
                "flows": int(self.flows.per_backend().sum()),
                "prefixes": len(self.prefixes),
                "pushed": len(self.hints),
                "counters": len(placed) + backends,
            },
        )

    def close(self) -> None:
        """Let go. What is pinned stays, and so does what is attached."""
        self.steering.close()
        self._programs.close()
        self.hints.close()
        self._maps.close()

    def destroy(self) -> None:
        """Detach from all interfaces and unpin everything."""
        for attachment in self.interfaces.attachments():
            self.interfaces.detach(attachment.interface)
        self.close()
        if self.pin_path:
            remove_folder(self.pin_path)
