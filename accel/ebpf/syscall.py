"""bpf(2) by ctypes: what bcc has no wrapper for.

Each function is one command of bpf(2) (include/uapi/linux/bpf.h) and raises OSError with the
kernel's errno. File descriptors are plain integers, owned by the caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_NUMBER = _NUMBERS.get(platform.machine())
_libc = ctypes.CDLL(None, use_errno=True)

# Commands
_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE, _MAP_NEXT_KEY = range(5)
_PROG_LOAD = 5
_OBJ_PIN, _OBJ_GET, _PROG_TEST_RUN = 6, 7, 10
_MAP_FD_BY_ID, _OBJ_INFO, _MAP_UPDATE_BATCH = 14, 15, 26
_LINK_CREATE, _LINK_UPDATE, _LINK_DETACH = 28, 29, 34

MAP_ARRAY = 2
PROG_SCHED_CLS, PROG_XDP = 3, 6
ATTACH_XDP, ATTACH_TCX_INGRESS = 37, 46
F_MMAPABLE = 1 << 10
F_INNER_MAP = 1 << 12
F_TEST_XDP_LIVE_FRAMES = 1 << 1


def bpf(command: int, attr: bytes | ctypes.Structure) -> int:
    """One call of bpf(2); `attr` is the command's part of union bpf_attr, changed in place if it is
    a Structure."""
    buffer = ctypes.create_string_buffer(attr, 144) if isinstance(attr, bytes) else attr
    if _NUMBER is None:
        raise OSError(38, f"bpf(2) has no known number on {platform.machine()}")
    result = int(_libc.syscall(_NUMBER, command, ctypes.byref(buffer), ctypes.sizeof(buffer)))
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result


def _address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


def _buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(data, max(1, len(data)))


def map_create(
    kind: int, key_size: int, value_size: int, entries: int, *, flags: int = 0, name: str = ""
) -> int:
    """BPF_MAP_CREATE. Returns the new map's file descriptor."""
    attr = struct.pack(
        "<IIIIIII16s", kind, key_size, value_size, entries, flags, 0, 0, name.encode()
    )
    return bpf(_MAP_CREATE, attr)


def map_lookup(fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value of `key`, None if there is none. Per-CPU maps: of all CPUs, one behind another."""
    k, value = _buffer(key), ctypes.create_string_buffer(value_size)
    try:
        bpf(_MAP_LOOKUP, struct.pack("<IxxxxQQQ", fd, _address(k), _address(value), 0))
    except FileNotFoundError:
        return None
    return value.raw


def map_update(fd: int, key: bytes, value: bytes) -> None:
    """Set `key` to `value`, whether it is there or not."""
    k, v = _buffer(key), _buffer(value)
    bpf(_MAP_UPDATE, struct.pack("<IxxxxQQQ", fd, _address(k), _address(v), 0))


def map_update_batch(fd: int, keys: bytes, values: bytes, count: int) -> None:
    """Set `count` keys at once (kernel 5.6)."""
    k, v = _buffer(keys), _buffer(values)
    bpf(
        _MAP_UPDATE_BATCH,
        struct.pack("<QQQQIIQQ", 0, 0, _address(k), _address(v), count, fd, 0, 0),
    )


def map_delete(fd: int, key: bytes) -> bool:
    """Whether `key` was there."""
    k = _buffer(key)
    try:
        bpf(_MAP_DELETE, struct.pack("<IxxxxQ", fd, _address(k)))
    except FileNotFoundError:
        return False
    return True


def map_keys(fd: int, key_size: int) -> list[bytes]:
    """All keys; of a map that changes meanwhile, some may be missed."""
    keys: list[bytes] = []
    following = ctypes.create_string_buffer(key_size)
    while True:
        last = _buffer(keys[-1]) if keys else None
        try:
            bpf(
                _MAP_NEXT_KEY,
                struct.pack("<IxxxxQQ", fd, _address(last) if last else 0, _address(following)),
            )
        except FileNotFoundError:
            return keys
        keys.append(following.raw)


@dataclass(frozen=True, kw_only=True, slots=True)
class MapInfo:
    """What the kernel says of a map (struct bpf_map_info)."""

    kind: int
    id: int
    key_size: int
    value_size: int
    entries: int
    flags: int


def map_info(fd: int) -> MapInfo:
    """BPF_OBJ_GET_INFO_BY_FD of a map."""
    info = ctypes.create_string_buffer(80)
    bpf(_OBJ_INFO, struct.pack("<IIQ", fd, len(info), _address(info)))
    kind, id_, key_size, value_size, entries, flags = struct.unpack_from("<6I", info.raw)
    return MapInfo(
        kind=kind, id=id_, key_size=key_size, value_size=value_size, entries=entries, flags=flags
    )


def map_fd_by_id(id_: int) -> int:
    """A new file descriptor of the map with that id. Raises FileNotFoundError."""
    return bpf(_MAP_FD_BY_ID, struct.pack("<I", id_))


def pin(fd: int, path: Path) -> None:
    """BPF_OBJ_PIN below a bpffs."""
    name = _buffer(bytes(path) + b"\0")
    bpf(_OBJ_PIN, struct.pack("<QI", _address(name), fd))


def pinned(path: Path) -> int:
    """BPF_OBJ_GET: a file descriptor of what is pinned. Raises FileNotFoundError."""
    name = _buffer(bytes(path) + b"\0")
    return bpf(_OBJ_GET, struct.pack("<QI", _address(name), 0))


class VerifierError(OSError):
    """The verifier refused a program; `log` is all that it said."""

    def __init__(self, errno: int, log: str) -> None:
        super().__init__(errno, os.strerror(errno))
        self.log = log


def prog_load(kind: int, code: bytes, *, license: str, name: str = "", attach_type: int = 0) -> int:
    """BPF_PROG_LOAD. Raises VerifierError, with the log of a second try that asks for one."""
    instructions, gpl = _buffer(code), _buffer(license.encode() + b"\0")

    def attr(level: int, size: int, log: int) -> bytes:
        return struct.pack(
            "<IIQQIIQII16sII",
            kind,
            len(code) // 8,
            _address(instructions),
            _address(gpl),
            level,
            size,
            log,
            0,
            0,
            name.encode()[:15],
            0,
            attach_type,
        )

    try:
        return bpf(_PROG_LOAD, attr(0, 0, 0))
    except OSError as e:
        log = ctypes.create_string_buffer(16 << 20)
        with contextlib.suppress(OSError):
            os.close(bpf(_PROG_LOAD, attr(1, len(log), _address(log))))
        raise VerifierError(e.errno or 0, log.value.decode(errors="replace")) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class TestRun:
    """What a test run left: the program's return value, packet, context and ns per run."""

    action: int
    packet: bytes
    context: bytes
    duration: int


class _TestRunAttr(ctypes.Structure):
    """Its part of union bpf_attr."""

    _fields_ = (
        ("prog_fd", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("repeat", ctypes.c_uint32),
        ("duration", ctypes.c_uint32),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p),
        ("ctx_out", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


def prog_test_run(
    fd: int, packet: bytes, *, context: bytes = b"", repeat: int = 1, flags: int = 0, batch: int = 0
) -> TestRun:
    """BPF_PROG_TEST_RUN (kernel 4.12; with a context 5.18)."""
    attr = _TestRunAttr(
        prog_fd=fd,
        data_size_in=len(packet),
        data_in=packet,
        repeat=repeat,
        flags=flags,
        batch_size=batch,
    )
    live = bool(flags & F_TEST_XDP_LIVE_FRAMES)
    out = ctx_out = None
    if not live:
        # What a gateway makes of a packet can be longer than it, by outer headers at the most.
        out = ctypes.create_string_buffer(len(packet) + 256)
        attr.data_size_out, attr.data_out = len(out), ctypes.addressof(out)
    if context:
        attr.ctx_size_in, attr.ctx_in = len(context), context
        if not live:
            ctx_out = ctypes.create_string_buffer(len(context))
            attr.ctx_size_out, attr.ctx_out = len(context), ctypes.addressof(ctx_out)
    bpf(_PROG_TEST_RUN, attr)
    return TestRun(
        action=attr.retval,
        packet=out.raw[: attr.data_size_out] if out else b"",
        context=ctx_out.raw if ctx_out else b"",
        duration=attr.duration,
    )


class Question:
    """A program that is run again and again, for what it returns."""

    def __init__(self, fd: int) -> None:
        self._attr = _TestRunAttr(prog_fd=fd, data_size_in=14, data_in=bytes(14), repeat=1)

    def ask(self) -> int:
        """What it returns now."""
        bpf(_PROG_TEST_RUN, self._attr)
        return int(self._attr.retval)


def link_create(prog: int, ifindex: int, attach_type: int, flags: int = 0) -> int:
    """BPF_LINK_CREATE (XDP: kernel 5.9, TCX: 6.6). Returns the link's file descriptor."""
    return bpf(_LINK_CREATE, struct.pack("<IIII", prog, ifindex, attach_type, flags))


def link_update(link: int, prog: int) -> None:
    """BPF_LINK_UPDATE: the new program takes over between two packets."""
    bpf(_LINK_UPDATE, struct.pack("<IIII", link, prog, 0, 0))


def link_detach(link: int) -> None:
    """BPF_LINK_DETACH (kernel 5.9)."""
    bpf(_LINK_DETACH, struct.pack("<I", link))


def link_ifindex(link: int) -> int:
    """The interface that an XDP link is attached to, 0 once it is gone."""
    info = ctypes.create_string_buffer(64)
    bpf(_OBJ_INFO, struct.pack("<IIQ", link, len(info), _address(info)))
    # struct bpf_link_info: type, id, prog_id, (pad), xdp.ifindex
    return int(struct.unpack_from("<I", info.raw, 16)[0])
