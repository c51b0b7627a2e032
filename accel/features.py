"""What a kernel does for the gateway, feature by feature: each is probed by doing it.

The one table of features: `accel check` prints it for this kernel, and the virtual machines write
it for several (docs/kernels.md). A probe leaves nothing behind: what it makes is in namespaces
that end with the thread that made them.
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
from dataclasses import dataclass
from pathlib import Path

from accel import syscall
from accel.finding import Finding, fail, ok, warn

_PASS = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit
_NEWNS, _NEWNET = 0x20000, 0x40000000  # linux/sched.h, CLONE_*
_PRIVATE = 0x44000  # MS_PRIVATE | MS_REC
_GENERIC = 1 << 1  # XDP_FLAGS_SKB_MODE
_LOOPBACK = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """`since` is the kernel that brought it, `use` what it is for. Without a `needed` one the
    gateway does not work; without another one what it is for is refused, and the rest works."""

    name: str
    since: str
    use: str
    needed: bool
    probe: Callable[[], None]


def check() -> Iterator[Finding]:
    """A finding for each feature, in the order of the table."""
    for feature in FEATURES:
        try:
            feature.probe()
        except PermissionError as error:
            yield warn(feature.name, f"not tried: {error.strerror}", "sudo accel check")
        except OSError as error:
            missing = fail if feature.needed else warn
            without = "the gateway needs it" if feature.needed else "the rest works without"
            yield missing(
                feature.name,
                f"the kernel has none: {error.strerror}",
                f"boot a kernel from {feature.since} on for {feature.use}; {without}",
            )
        else:
            yield ok(feature.name, feature.use)


def run_with_context() -> None:
    """BPF_PROG_TEST_RUN of a packet with metadata in front of it."""
    context = struct.pack("=6I", 32, 32 + 64, 0, 0, 0, 0)
    with _program() as program:
        syscall.prog_test_run(program, bytes(32 + 64), context=context)


def mapped_map() -> None:
    """An array in this process's memory: a store is seen by a lookup."""
    fd = syscall.map_create(syscall.MAP_ARRAY, 4, 8, 1, flags=syscall.F_MMAPABLE, name="check")
    try:
        with mmap.mmap(fd, mmap.PAGESIZE) as memory:
            memory[:8] = b"accelera"
            if syscall.map_lookup(fd, bytes(4), 8) != b"accelera":
                raise OSError(5, "a store was not seen")
    finally:
        os.close(fd)


def link() -> None:
    """Attach by a link, replace the program in it, and detach."""

    def attach() -> None:
        _call("unshare", _NEWNET)
        with _program() as first, _program() as second:
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
        _call("unshare", _NEWNS)
        _call("mount", b"none", b"/", None, _PRIVATE, None)
        with tempfile.TemporaryDirectory(prefix="accel-check-") as name, _program() as program:
            _call("mount", b"bpf", name.encode(), b"bpf", 0, None)
            try:
                syscall.pin(program, Path(name) / "pin")
                os.close(syscall.pinned(Path(name) / "pin"))
            finally:
                _call("umount2", name.encode(), 0)

    _apart(mount_and_pin)


FEATURES = (
    Feature(
        name="mapped maps", since="5.5", use="services, backends, flows and counters",
        needed=True, probe=mapped_map,
    ),
    Feature(
        name="XDP links", since="5.9", use="a new program takes over between two packets",
        needed=True, probe=link,
    ),
    Feature(
        name="bpffs pins", since="4.4", use="the data path outlives the daemon",
        needed=True, probe=pin,
    ),
    Feature(
        name="test runs with a context", since="5.18", use="accel explain",
        needed=False, probe=run_with_context,
    ),
)  # fmt: skip


@contextmanager
def _program() -> Iterator[int]:
    fd = syscall.prog_load(
        syscall.PROG_XDP, _PASS, license="GPL", name="check", attach_type=syscall.ATTACH_XDP
    )
    try:
        yield fd
    finally:
        os.close(fd)


def _call(name: str, *arguments: int | bytes | None) -> None:
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
