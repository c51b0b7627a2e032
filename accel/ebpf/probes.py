"""What a kernel can do, tried by doing it: a probe returns, or raises OSError with the reason.

A probe leaves nothing behind: what it makes is in namespaces that end with the thread that made
them. accel/ebpf/features.py says what each is for.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from accel.ebpf import syscall
from accel.ebpf.btf import function_id

# include/uapi/linux/bpf.h
_ARRAY, _ARRAY_OF_MAPS, _RING_BUFFER = 2, 12, 27
_SCHED_CLS, _TCX_INGRESS = 3, 46
_MAP_CREATE = 0
_PSEUDO_MAP_FD, _PSEUDO_KERNEL_FUNCTION = 1, 2
_REDIRECT, _ADJUST_HEAD, _SK_RELEASE, _SKC_LOOKUP_TCP = 23, 44, 86, 99
_RING_BUFFER_OUTPUT, _SKC_TO_TCP_SOCK = 130, 137
_LOAD_BYTES = 189
_MAKE_COOKIE, _CHECK_COOKIE = 204, 206
_XDP_REDIRECT = 4
_REQUEST_SIZE = 20  # struct bpf_tcp_req_attrs
_NEWNS, _NEWNET = 0x20000, 0x40000000  # linux/sched.h, CLONE_*
_PRIVATE = 0x44000  # MS_PRIVATE | MS_REC
_GENERIC = 1 << 1  # XDP_FLAGS_SKB_MODE
_LOOPBACK = 1
_PACKET = bytes(64)
_libc = ctypes.CDLL(None, use_errno=True)


def _instruction(
    code: int, to: int = 0, source: int = 0, offset: int = 0, immediate: int = 0
) -> bytes:
    return struct.pack("<BBhi", code, source << 4 | to, offset, immediate)


def _set(to: int, value: int) -> bytes:
    return _instruction(0xB7, to, immediate=value)


def _copy(to: int, source: int) -> bytes:
    return _instruction(0xBF, to, source)


def _stack(to: int, offset: int) -> bytes:
    """The address of what is at `offset` (below 0) of the stack."""
    return _copy(to, 10) + _instruction(0x07, to, immediate=offset)


def _call(helper: int) -> bytes:
    return _instruction(0x85, immediate=helper)


_ZERO_STACK = b"".join(_instruction(0x7A, 10, offset=o) for o in range(-64, 0, 8))
_EXIT = _instruction(0x95)
_PASS = _set(0, 2) + _EXIT


def mapped_map() -> None:
    """An array in this process's memory: a store is seen by a lookup."""
    with (
        _map(_ARRAY, 4, 8, 1, flags=syscall.F_MMAPABLE) as fd,
        mmap.mmap(fd, mmap.PAGESIZE) as memory,
    ):
        memory[:8] = b"accelera"
        _expect(syscall.map_lookup(fd, bytes(4), 8) == b"accelera", "a store was not seen")


def link() -> None:
    """Attach by a link, replace the program in it, and detach."""

    def attach() -> None:
        _system("unshare", _NEWNET)
        with _program(_PASS) as first, _program(_PASS) as second:
            fd = syscall.link_create(first, _LOOPBACK, syscall.ATTACH_XDP, _GENERIC)
            try:
                syscall.link_update(fd, second)
                syscall.link_detach(fd)
            finally:
                os.close(fd)

    _apart(attach)


def pin() -> None:
    """A program under a name in a BPF file system."""

    def mount_and_pin() -> None:
        _system("unshare", _NEWNS)
        _system("mount", b"none", b"/", None, _PRIVATE, None)
        with tempfile.TemporaryDirectory(prefix="accel-check-") as name, _program(_PASS) as program:
            _system("mount", b"bpf", name.encode(), b"bpf", 0, None)
            try:
                syscall.pin(program, Path(name) / "pin")
                os.close(syscall.pinned(Path(name) / "pin"))
            finally:
                _system("umount2", name.encode(), 0)

    _apart(mount_and_pin)


def outer_header() -> None:
    """Room for an IPv6 and a UDP header in front of a packet."""
    code = _set(2, -48) + _call(_ADJUST_HEAD) + _EXIT
    with _program(code) as program:
        done = syscall.prog_test_run(program, _PACKET)
    _expect(done.action == 0 and len(done.packet) == len(_PACKET) + 48, "no room was made")


def redirect() -> None:
    """A packet leaves by an interface of the program's choice."""
    code = _set(1, _LOOPBACK) + _set(2, 0) + _call(_REDIRECT) + _EXIT
    with _program(code) as program:
        done = syscall.prog_test_run(program, _PACKET)
    _expect(done.action == _XDP_REDIRECT, "a packet was not redirected")


def run_with_context() -> None:
    """BPF_PROG_TEST_RUN of a packet with metadata in front of it."""
    context = struct.pack("=6I", 32, 32 + 64, 0, 0, 0, 0)
    with _program(_PASS) as program:
        syscall.prog_test_run(program, bytes(32 + 64), context=context)


def batch() -> None:
    """Many keys of a map set by one call."""
    keys, values = struct.pack("<4I", *range(4)), struct.pack("<4I", *range(10, 14))
    with _map(_ARRAY, 4, 4, 4) as fd:
        syscall.map_update_batch(fd, keys, values, 4)
        found = syscall.map_lookup(fd, keys[-4:], 4)
    _expect(found == values[-4:], "a value was not set")


def inner_maps() -> None:
    """A map of maps that takes one larger than the one that it was made with."""
    with (
        _map(_ARRAY, 4, 8, 1, flags=syscall.F_INNER_MAP) as small,
        _map(_ARRAY, 4, 8, 100, flags=syscall.F_INNER_MAP) as large,
    ):
        attr = struct.pack("<6I", _ARRAY_OF_MAPS, 4, 4, 1, 0, small)
        outer = syscall.bpf(_MAP_CREATE, attr)
        try:
            syscall.map_update(outer, bytes(4), struct.pack("<I", large))
        finally:
            os.close(outer)


def ring_buffer() -> None:
    """A program hands a record to user space."""
    with _map(_RING_BUFFER, 0, 0, mmap.PAGESIZE) as fd:
        code = b"".join(
            (
                _ZERO_STACK,
                _instruction(0x18, 1, _PSEUDO_MAP_FD, immediate=fd) + _instruction(0),
                *(_stack(2, -8), _set(3, 8), _set(4, 0)),
                *(_call(_RING_BUFFER_OUTPUT), _EXIT),
            )
        )
        with _program(code) as program:
            done = syscall.prog_test_run(program, _PACKET)
    _expect(done.action == 0, "a record was not taken")


def packet_copy() -> None:
    """Bytes of a packet are copied to the stack, from a place that is only known then."""
    code = b"".join(
        (
            *(_ZERO_STACK, _set(2, 8), _stack(3, -8), _set(4, 8), _call(_LOAD_BYTES)),
            *(_instruction(0x79, 0, 10, offset=-8), _EXIT),
        )
    )
    with _program(code) as program:
        done = syscall.prog_test_run(program, bytes(8) + b"\x07" + bytes(55))
    _expect(done.action == 7, "a byte was not copied")


def syn_cookie() -> None:
    """The kernel makes a SYN cookie of raw headers, and knows it again."""
    ip, tcp = -64, -40
    acknowledgement, sequence = tcp + 8, tcp + 4
    headers = (_stack(1, ip), _stack(2, tcp))
    code = b"".join(
        (
            *(_ZERO_STACK, _instruction(0x72, 10, offset=tcp + 12, immediate=5 << 4)),
            *(*headers, _set(3, 20), _call(_MAKE_COOKIE)),
            _instruction(0x65, 0, offset=2, immediate=0),  # a positive number is a cookie
            *(_set(0, 1), _EXIT),
            # What a client would send: both numbers one more, in network order.
            _instruction(0x07, 0, immediate=1),
            _instruction(0xDC, 0, immediate=32),
            _instruction(0x63, 10, 0, offset=acknowledgement),
            _instruction(0x72, 10, offset=sequence + 3, immediate=1),
            *(*headers, _call(_CHECK_COOKIE), _EXIT),
        )
    )
    with _program(code) as program:
        done = syscall.prog_test_run(program, _PACKET)
    _expect(done.action == 0, "the kernel does not know its own cookie")


def tcx_link() -> None:
    """A traffic control program on an interface by a link."""

    def attach() -> None:
        _system("unshare", _NEWNET)
        with _program(_set(0, 0) + _EXIT, kind=_SCHED_CLS) as program:
            os.close(syscall.link_create(program, _LOOPBACK, _TCX_INGRESS))

    _apart(attach)


def made_request() -> None:
    """A traffic control program may give a packet a request socket (bpf_sk_assign_tcp_reqsk)."""
    assign = function_id("bpf_sk_assign_tcp_reqsk")
    listener = (
        *(_copy(1, 6), _stack(2, -64), _set(3, 12), _set(4, -1), _set(5, 0)),
        *(_call(_SKC_LOOKUP_TCP), _instruction(0x15, 0, offset=12), _copy(7, 0)),
        *(_copy(1, 7), _call(_SKC_TO_TCP_SOCK), _instruction(0x15, 0, offset=6)),
    )
    request = (
        *(_copy(1, 6), _copy(2, 0), _stack(3, -32), _set(4, _REQUEST_SIZE)),
        _instruction(0x85, source=_PSEUDO_KERNEL_FUNCTION, immediate=assign),
    )
    release = (_copy(1, 7), _call(_SK_RELEASE), _set(0, 0), _EXIT)
    code = b"".join((_ZERO_STACK, _copy(6, 1), *listener, *request, *release))
    with _program(code, kind=_SCHED_CLS):
        pass


@contextmanager
def _program(code: bytes, *, kind: int = syscall.PROG_XDP) -> Iterator[int]:
    attach_type = syscall.ATTACH_XDP if kind == syscall.PROG_XDP else 0
    fd = syscall.prog_load(kind, code, license="GPL", name="check", attach_type=attach_type)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _map(kind: int, key: int, value: int, entries: int, *, flags: int = 0) -> Iterator[int]:
    fd = syscall.map_create(kind, key, value, entries, flags=flags, name="check")
    try:
        yield fd
    finally:
        os.close(fd)


def _expect(done: bool, otherwise: str) -> None:
    if not done:
        raise OSError(5, otherwise)


def _system(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def _apart(work: Callable[[], None]) -> None:
    """Do it in a thread of its own, whose namespaces end with it."""
    errors: list[OSError] = []

    def run() -> None:
        try:
            work()
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
