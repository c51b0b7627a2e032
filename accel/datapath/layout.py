"""How the maps are laid out: sizes by the limits, constants of the C, and a hash of it all."""

from __future__ import annotations

import functools
import hashlib
import re
import time
from pathlib import Path

from accel.datapath.encode import NUMBERS_PER_LINE, SLOTS_PER_LINE
from accel.ebpf import features
from accel.ebpf.source import read_constants, read_source
from accel.model.placement import Limits

CONSTANTS = {
    name: value
    for header in (
        "maps/gateway.h",
        "lib/tagged_words.h",
        "packet/packet.h",
        "maps/guard.h",
        "lib/clock.h",
        "lib/key_generations.h",
        "maps/hints.h",
    )
    for name, value in read_constants(header).items()
}
_COARSE = 6  # CLOCK_MONOTONIC_COARSE, which moves with the kernel's tick
_COMMENT = re.compile(r"/\*.*?\*/|//.*?$|^#line .*?$", re.DOTALL | re.MULTILINE)


def defines(limits: Limits) -> dict[str, int]:
    """What the C is compiled with."""
    return {
        "MAX_SERVICES": limits.services,
        # Two entries for each service at the most, its own and its address's: half full then.
        "SERVICE_BUCKETS": 1 << (2 * limits.services - 1).bit_length(),
        "MAX_BACKENDS": limits.backends,
        "FLOW_BUCKETS": _buckets(limits.flows),
        "SOURCE_BUCKETS": _buckets(limits.sources),
        # A flood of SYNs is remembered for as long as a client waits before it sends another.
        "FIRST_SYN_BUCKETS": _buckets(4 * limits.sources),
        "PREFIX_BUCKETS": prefix_buckets(limits),
        "PREFIX_SHIFT": 64 - (prefix_buckets(limits) - 1).bit_length(),
        "TICKS_PER_SECOND": ticks_per_second(),
        "HINT_BUCKETS": _hint_buckets(limits.hints),
        "LEARNED_BUCKETS": _hint_buckets(limits.hints // 2),
        "MAX_PREFIX_HINTS": max(1, limits.hints // 16),
        "LOCAL_COOKIES": int(_has(features.RAW_SYN_COOKIES)),
        "PACKET_COPIES": int(_has(features.PACKET_COPIES)),
        "RING_LINES": _ring_lines(limits),
        "CPUS": possible_cpus(),
    }


@functools.cache
def _has(feature: features.Feature) -> bool:
    try:
        feature.probe()
    except OSError:
        return False
    return True


def prefix_buckets(limits: Limits) -> int:
    """Half full at the most."""
    return _buckets(2 * limits.prefixes)


def _hint_buckets(hints: int) -> int:
    """Four hints each, a quarter full at the most: each finds a place (hints/table.py)."""
    return 1 << max(3, (hints - 1).bit_length())


def _buckets(words: int) -> int:
    return 1 << max(3, (words // CONSTANTS["WAYS"] - 1).bit_length())


def _ring_lines(limits: Limits) -> int:
    """Room for slots, numbers, headers and what is rounded up; then an eighth and a MiB more, so
    that a ring finds a place beside those that it replaces."""
    lines = limits.slots // SLOTS_PER_LINE + limits.backends // NUMBERS_PER_LINE
    return (lines + 3 * limits.services) * 9 // 8 + (1 << 14)


def possible_cpus() -> int:
    """How many CPUs there can be: numbers go up to this, less one."""
    last = Path("/sys/devices/system/cpu/possible").read_text().replace(",", "-").split("-")[-1]
    return int(last) + 1


def ticks_per_second() -> int:
    """Of the kernel's clock, CONFIG_HZ."""
    return round(1 / time.clock_getres(_COARSE))


def layout_hash(limits: Limits) -> str:
    """Twelve hex digits of all that decides what the maps look like.

    Comments, blank lines and the names of files do not count, nor does how the text is indented.
    """
    text = read_source("maps/gateway.h") + read_source("maps/verdicts.h")
    seen = _without_comments(text) + repr(sorted(defines(limits).items()))
    return hashlib.sha256(seen.encode()).hexdigest()[:12]


def _without_comments(text: str) -> str:
    """The words of C `text`, a line each where it has lines."""
    lines = (" ".join(line.split()) for line in _COMMENT.sub(" ", text).splitlines())
    return "\n".join(line for line in lines if line)
