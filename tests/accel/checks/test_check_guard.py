"""What guard modes need of a host, and what cookies of mode cookie-local announce."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from accel.checks import guard
from accel.datapath.guard.local_cookies import (
    Announced,
    Option,
    announced,
    rmem_max,
    window_scale,
)
from accel.errors import HostError
from accel.model.guard import GuardMode

RIGHT: dict[str, tuple[int, ...]] = {
    "net.ipv4.tcp_syncookies": (2,),
    "net.ipv4.tcp_timestamps": (2,),
    "net.ipv4.tcp_sack": (1,),
    "net.ipv4.tcp_window_scaling": (1,),
    "net.ipv4.tcp_ecn": (2,),
    "net.ipv4.tcp_rmem": (4096, 131072, 6291456),
    "net.netfilter.nf_conntrack_tcp_loose": (1,),
}


def reader(**changed: tuple[int, ...]) -> Callable[[str], tuple[int, ...]]:
    """RIGHT, but for what is `changed` by the last part of its name."""
    return lambda name: changed.get(name.rpartition(".")[2], RIGHT.get(name, ()))


def lacks(**changed: tuple[int, ...]) -> HostError | None:
    return guard.missing(GuardMode.COOKIE_LOCAL, read=reader(**changed), cookies=lambda: None)


def test_a_host_that_is_set_right_lacks_nothing() -> None:
    assert lacks() is None
    assert lacks(tcp_timestamps=(0,)) is None
    assert lacks(nf_conntrack_tcp_loose=()) is None, "no connection tracking"


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("tcp_syncookies", (1,), "net.ipv4.tcp_syncookies=2"),
        ("tcp_syncookies", (0,), "net.ipv4.tcp_syncookies=2"),
        ("tcp_syncookies", (), "net.ipv4.tcp_syncookies=2"),
        ("tcp_timestamps", (1,), "net.ipv4.tcp_timestamps=2"),
        ("nf_conntrack_tcp_loose", (0,), "net.netfilter.nf_conntrack_tcp_loose=1"),
    ],
)
def test_a_wrong_setting_is_named_with_the_right_one(
    name: str, value: tuple[int, ...], fix: str
) -> None:
    error = lacks(**{name: value})
    assert error is not None
    assert error.hint == f"sysctl -w {fix}"
    assert name in error.message


def test_all_wrong_settings_are_named_at_once() -> None:
    error = lacks(tcp_syncookies=(1,), tcp_timestamps=(1,))
    assert error is not None
    assert error.hint == "sysctl -w net.ipv4.tcp_syncookies=2 net.ipv4.tcp_timestamps=2"


def test_a_kernel_without_the_helpers_is_named_first() -> None:
    def refuse() -> None:
        raise HostError("no raw SYN cookies", hint="boot a kernel from 6.0 on")

    error = guard.missing(GuardMode.COOKIE_LOCAL, read=reader(tcp_syncookies=(1,)), cookies=refuse)
    assert error is not None
    assert error.hint == "boot a kernel from 6.0 on"


@pytest.mark.parametrize("mode", set(GuardMode) - {GuardMode.COOKIE_LOCAL})
def test_other_modes_go_by_no_setting(mode: GuardMode) -> None:
    def refuse() -> None:
        raise HostError("no raw SYN cookies")

    assert guard.missing(mode, read=lambda name: (), cookies=refuse) is None


ALL = Option.TIMESTAMPS | Option.SACK | Option.SCALE | Option.ECN


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Announced(options=ALL, scale=7)),
        ({"tcp_timestamps": (0,)}, Announced()),
        ({"tcp_timestamps": (1,)}, Announced()),
        ({"tcp_sack": (0,)}, Announced(options=ALL & ~Option.SACK, scale=7)),
        ({"tcp_ecn": (0,)}, Announced(options=ALL & ~Option.ECN, scale=7)),
        ({"tcp_window_scaling": (0,)}, Announced(options=ALL & ~Option.SCALE)),
        ({"tcp_rmem": ()}, Announced(options=ALL & ~Option.SCALE)),
        ({"tcp_rmem": (4096, 8 << 20, 6291456)}, Announced(options=ALL & ~Option.SCALE)),
    ],
)
def test_only_what_the_kernel_keeps_is_announced(
    changed: dict[str, tuple[int, ...]], expected: Announced
) -> None:
    assert announced(reader(**changed), 212992) == expected


@pytest.mark.parametrize(
    ("greatest", "core", "scale"),
    [
        # As tcp_select_initial_window() has it: the whole logarithm, less 15, from 0 to 14.
        (6291456, 212992, 7),
        (33554432, 4194304, 10),
        (4194304, 33554432, 10),
        (131072, 65535, 2),
        (131071, 65535, 1),
        (65536, 65535, 1),
        (65535, 4096, 0),
        (8192, 8192, 0),
        ((1 << 30) - 1, 212992, 14),
        ((1 << 31) - 1, 212992, 14),
    ],
)
def test_the_scale_is_of_the_greatest_buffer(greatest: int, core: int, scale: int) -> None:
    assert window_scale((4096, 4096, greatest), core) == scale


def test_rmem_max_is_what_a_socket_gets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rmem_max())
        got = asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * rmem_max())
        assert asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == got == 2 * rmem_max()
