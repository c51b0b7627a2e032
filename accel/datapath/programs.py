"""Which of the gateway's programs are loaded, and which one is attached.

What few need is compiled when it is first needed: the guard's programs, and the variants of the
gateway that look for prefixes and hints. Packets pay for a search only while there is something to
be found.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from accel.datapath.maps import PROGRAMS, MapSet, folders_in, remove_folder
from accel.ebpf.links import Links


class Programs:
    """The programs over one set of maps, and their links. `chosen` is the one that is attached."""

    def __init__(self, maps: MapSet, root: Path | None) -> None:
        self._maps = maps
        self._root = root
        self.chosen = maps.load()
        self.links = Links(maps.folder)
        self._variants = {PROGRAMS[0]: self.chosen}
        self._handed_back_to = self.chosen
        self._preparing = Lock()
        self._has_guard = False
        self._active = False

    def prepare_guard(self) -> None:
        """Compile and load the guard's programs. Raises ProgramError and HostError."""
        with self._preparing:
            if not self._has_guard:
                self._maps.load_guard()
                self._has_guard = True

    def prepare_hints(self, *, prefixes: bool) -> None:
        """Compile and load what hints take. Raises ProgramError and HostError."""
        with self._preparing:
            if "hinted" not in self._variants:
                self._maps.load_hints()
        self.prepare("hinted")
        if prefixes:
            self.prepare("listed_hinted")

    def prepare(self, variant: str) -> int:
        """Compile and load a variant; its file descriptor. Raises ProgramError and HostError."""
        with self._preparing:
            if variant not in self._variants:
                self._variants[variant] = self._maps.load_variant(variant)
            return self._variants[variant]

    def choose(self, *, prefixes: bool, hints: bool) -> None:
        """Attach the variant that looks for these."""
        if hints:
            self.prepare_hints(prefixes=prefixes)
        plain = chosen = self.prepare("hinted" if hints else PROGRAMS[0])
        if prefixes:
            chosen = self.prepare("listed_hinted" if hints else "listed")
        if chosen != self.chosen:
            self.chosen, self._handed_back_to = chosen, plain
            if self._active:
                self._maps.hand_back_to(plain)
                self.links.replace(chosen)

    def activate(self) -> None:
        """Once the maps are right: links of an earlier program run this one from now on."""
        if self._active:
            return
        former = folders_in(self._root) if self._root else []
        former = [folder for folder in former if folder != self._maps.folder]
        for folder in former:
            self.links.move_from(Links(folder))
        # Not before: an earlier program that is attached hands packets over, too.
        self._maps.hand_back_to(self._handed_back_to)
        self.links.replace(self.chosen)
        for folder in former:
            remove_folder(folder)
        self._active = True

    def close(self) -> None:
        """Let go. What is pinned and what is attached stays."""
        self.links.close()
        for program in self._variants.values():
            os.close(program)
