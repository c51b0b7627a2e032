"""What the cookies of mode cookie-local announce: no more than this host's kernel will keep.

The kernel makes the connection out of the client's ACK alone, by its own settings at that moment
(net/ipv4/syncookies.c, tcp_select_initial_window() of net/ipv4/tcp_output.c). What was announced
in its name has to be the same, or both sides read each other's windows wrongly.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GREATEST_SCALE = 14  # RFC 7323 2.3
_PROC = Path("/proc/sys")
Sysctl = Callable[[str], tuple[int, ...]]
"""Of a name like net.ipv4.tcp_rmem: its numbers; none if the kernel has no such setting."""


class Option(enum.IntFlag):
    """TCP options that a cookie may take up; the numbers are those of bpf/maps/guard.h."""

    NONE = 0
    TIMESTAMPS = 1
    SACK = 2
    SCALE = 4
    ECN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """`scale` is the window scale, of meaning with Option.SCALE."""

    options: Option = Option.NONE
    scale: int = 0


NOTHING = Announced()


def sysctl(name: str) -> tuple[int, ...]:
    """A setting in the network namespace of the calling thread."""
    try:
        return tuple(map(int, (_PROC / name.replace(".", "/")).read_text().split()))
    except (OSError, ValueError):
        return ()


def announced(read: Sysctl = sysctl, greatest_buffer: int | None = None) -> Announced:
    """What the kernel's settings let a cookie announce. `greatest_buffer` is net.core.rmem_max.

    All options but the MSS travel in the timestamp that the client echoes, and are lost without.
    """
    if read("net.ipv4.tcp_timestamps") != (2,):
        return NOTHING
    options = Option.TIMESTAMPS
    if any(read("net.ipv4.tcp_sack")):
        options |= Option.SACK
    if any(read("net.ipv4.tcp_ecn")):
        options |= Option.ECN
    most = rmem_max() if greatest_buffer is None else greatest_buffer
    scale = window_scale(read("net.ipv4.tcp_rmem"), most)
    if scale is None or not any(read("net.ipv4.tcp_window_scaling")):
        return Announced(options=options)
    return Announced(options=options | Option.SCALE, scale=scale)


def window_scale(tcp_rmem: tuple[int, ...], rmem_max: int) -> int | None:
    """The window scale that the kernel computes for a listener that leaves its buffer alone.

    `tcp_rmem` is least, default and greatest buffer in bytes. None where it also goes by how much
    of a buffer a kernel counts as window, which changed from version to version: a default above
    the greatest.
    """
    if len(tcp_rmem) != 3:
        return None
    _, default, greatest = tcp_rmem
    space = max(greatest, rmem_max)
    if default > space:
        return None
    return min(max(space.bit_length() - 16, 0), GREATEST_SCALE)


def rmem_max() -> int:
    """net.core.rmem_max, by asking for more: namespaces do not show it before Linux 6.9."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, (1 << 30) - 1)
        return asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # socket(7): doubled
