"""Which of the gateway's programs are loaded, and which one is attached.

What few need is compiled when it is first needed: the guard's programs, and the variants of the
gateway that look for prefixes and hints. Packets pay for a search only while there is something to
be found. All variants are programs/gateway.bpf.c, with other steps:

    attached         while there are        hands over to              what comes back goes on in
    gateway          neither                guard.bpf.c                gateway
    gateway_prefix   prefixes               guard.bpf.c                gateway
    gateway_hint     services with hints    guard.bpf.c, hints.bpf.c   gateway_hint
    gateway_both     both                   gateway_hint               gateway_hint

Prefixes come before all guards, so they are not looked for once more in what is handed back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from accel.datapath.maps import MapSet, folders_in, remove_folder
from accel.ebpf.links import Links
from accel.ebpf.source import Unit


@dataclass(frozen=True, kw_only=True)
class Callees(Unit):
    """Programs that the gateway hands packets over to, by tail calls."""

    programs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Variant(Unit):
    """The gateway with some of its steps; its name is that of the program, too.

    It hands over to `callees`, and to the guard's once a guard does anything. What comes back goes
    on in the variant `back`, or in itself.
    """

    entry: str = "gateway.bpf.c"
    callees: Callees | None = None
    back: Variant | None = None


def _steps(*, prefixes: int = 0, hints: int = 0) -> dict[str, int]:
    return {"WITH_PREFIXES": prefixes, "WITH_HINTS": hints}


GUARD = Callees(name="guard", entry="guard.bpf.c", programs=("limit", "handshake", "out_of_state"))
HINTS = Callees(name="hints", entry="hints.bpf.c", programs=("new_flow", "learner"))
GATEWAY = Variant(name="gateway", defines=_steps())
GATEWAY_PREFIX = Variant(name="gateway_prefix", defines=_steps(prefixes=1), back=GATEWAY)
GATEWAY_HINT = Variant(name="gateway_hint", defines=_steps(hints=1), callees=HINTS)
GATEWAY_BOTH = Variant(name="gateway_both", defines=_steps(prefixes=1, hints=1), back=GATEWAY_HINT)
# By what there is to be found: prefixes, hints.
VARIANTS = {
    (False, False): GATEWAY,
    (True, False): GATEWAY_PREFIX,
    (False, True): GATEWAY_HINT,
    (True, True): GATEWAY_BOTH,
}


class Programs:
    """The programs over one set of maps, and their links. `chosen` is the one that is attached."""

    def __init__(self, maps: MapSet, root: Path | None) -> None:
        self._maps = maps
        self._root = root
        self.chosen = maps.load(GATEWAY)
        self.links = Links(maps.folder)
        self._variants = {GATEWAY.name: self.chosen}
        self._callees: set[str] = set()
        self._handed_back_to = self.chosen
        self._preparing = Lock()
        self._active = False

    def prepare_guard(self) -> None:
        """Compile and load the guard's programs. Raises ProgramError and HostError."""
        with self._preparing:
            self._load_callees(GUARD)

    def prepare(self, variant: Variant) -> int:
        """Compile and load a variant, and before it what it needs; its file descriptor.

        Raises ProgramError and HostError.
        """
        with self._preparing:
            return self._load(variant)

    def choose(self, *, prefixes: bool, hints: bool) -> None:
        """Attach the variant that looks for these."""
        variant = VARIANTS[prefixes, hints]
        chosen, back = self.prepare(variant), self.prepare(variant.back or variant)
        if chosen != self.chosen:
            self.chosen, self._handed_back_to = chosen, back
            if self._active:
                self._maps.hand_back_to(back)
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

    def _load(self, variant: Variant) -> int:
        if variant.name not in self._variants:
            if variant.callees:
                self._load_callees(variant.callees)
            if variant.back:
                self._load(variant.back)
            self._variants[variant.name] = self._maps.load(variant)
        return self._variants[variant.name]

    def _load_callees(self, callees: Callees) -> None:
        if callees.name not in self._callees:
            self._maps.load_callees(callees, callees.programs)
            self._callees.add(callees.name)
