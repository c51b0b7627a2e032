"""The clock of hints, for tests: seconds do not stop, but what ends by them can be taken along."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from accel.datapath.hints.maps import HintMaps
from accel.datapath.layout import ticks_per_second
from accel.datapath.maps import MapSet
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf

_HERTZ = ticks_per_second()
_PART_BITS = 10
_SAFE = 0.93  # of a second: so near its end no packet is run
_BOUNDED_UNTIL, _UNTIL = 5, 1  # 32-bit words of struct hints, and of struct warmth


class HintTime:
    """Stands still but when told, from `hold` to `release`. `now` says what tick it is."""

    def __init__(self, maps: MapSet, hints: HintMaps, now: Callable[[], int]) -> None:
        self._maps, self._hints, self._now = maps, hints, now
        ticks = {"TICKS_PER_SECOND": _HERTZ}
        compiled = compile_bpf(Path(__file__).with_name("moment.c"), defines=ticks)
        self._asked = syscall.Question(compiled.load("moment"))
        compiled.close()
        self._held = False
        self._tick = self._first = self._passed = self._second = 0

    def hold(self) -> None:
        """From here on it stands still."""
        self._held = True
        self._tick = self._now()
        moment = self._asked.ask()
        while (now := self._now()) != self._tick:
            self._tick, moment = now, self._asked.ask()
        self._first = moment >> _PART_BITS
        self._passed = moment & (1 << _PART_BITS) - 1
        self._second = self._first

    def release(self) -> None:
        """From here on it goes as it likes."""
        self._held = False

    def stand_still(self) -> int:
        """To be called before each packet, and before hints are written. Returns the tick."""
        now = self._now()
        if not self._held:
            return now
        second, part = self._moment(now)
        while part > _SAFE:
            time.sleep(1 - _SAFE)
            now = self._now()
            second, part = self._moment(now)
        if second != self._second:
            self._move(second - self._second)
            self._second = second
        return now

    def pass_by(self, seconds: int) -> None:
        """Time passes: what ends will do so that much sooner."""
        self.stand_still()
        self._move(-seconds)

    def _moment(self, now: int) -> tuple[int, float]:
        """The second of a tick, and how much of it is over."""
        ticks = (now - self._tick) % (1 << 32) + self._passed
        seconds, part = divmod(ticks, _HERTZ)
        return self._first + seconds, part / _HERTZ

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
