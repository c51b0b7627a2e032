"""The clock of hints, for tests: seconds do not stop, but what ends by them can be taken along."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np

from accel.datapath.hints.maps import HintMaps
from accel.datapath.layout import ticks_per_second
from accel.datapath.maps import MapSet
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf

_FRAME = bytes(14)
_PART_BITS = 10
_SAFE = 0.93  # of a second: so near its end no packet is run
_BOUNDED_UNTIL, _UNTIL = 5, 1  # 32-bit words of struct hints, and of struct warmth


class HintTime:
    """Stands still but when told, from `hold` to `release`."""

    def __init__(self, maps: MapSet, hints: HintMaps) -> None:
        self._maps, self._hints = maps, hints
        ticks = {"TICKS_PER_SECOND": ticks_per_second()}
        compiled = compile_bpf(Path(__file__).with_name("moment.c"), defines=ticks)
        self._program = compiled.load("moment")
        compiled.close()
        self._held = False
        self._second = 0

    def hold(self) -> None:
        """From here on it stands still."""
        self._held, self._second = True, self._moment()[0]

    def release(self) -> None:
        """From here on it goes as it likes."""
        self._held = False

    def stand_still(self) -> None:
        """To be called before each packet, and before hints are written."""
        if not self._held:
            return
        second, part = self._moment()
        while part > _SAFE:
            time.sleep(1 - _SAFE)
            second, part = self._moment()
        if second != self._second:
            self._move(second - self._second)
            self._second = second

    def pass_by(self, seconds: int) -> None:
        """Time passes: what ends will do so that much sooner."""
        self.stand_still()
        self._move(-seconds)

    def _moment(self) -> tuple[int, float]:
        moment = syscall.prog_test_run(self._program, _FRAME).action
        ticks = moment & (1 << _PART_BITS) - 1
        return moment >> _PART_BITS, ticks / ticks_per_second()

    def _move(self, seconds: int) -> None:
        by = np.array([seconds]).astype(np.uint32)  # modulo 2^32
        for name in ("pushed", "learned"):
            words = self._maps.words(name)
            there = np.flatnonzero(words[::2])
            words.view(np.uint32).reshape(-1, 4)[there, 2:] += by
        for name, width, at in (("hints", 16, _BOUNDED_UNTIL), ("warmths", 2, _UNTIL)):
            ends = self._maps.words(name).view(np.uint32).reshape(-1, width)[:, at]
            ends[np.flatnonzero(ends)] += by
        prefixes = self._hints.pushed.prefixes
        for key, value in list(prefixes.items()):
            word, until, end = struct.unpack("=QII", value)
            moved = ((t + seconds) % (1 << 32) for t in (until, end))
            prefixes.put(key, struct.pack("=QII", word, *moved))
