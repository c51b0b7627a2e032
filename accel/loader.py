"""C to bytecode through bcc, and bytecode into the kernel. The one file that imports bcc.

bcc compiles and creates the maps; the program itself is loaded here, by bpf(2), so that maps that
are pinned already can take the place of the ones that bcc made, and the whole verifier log is had.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import struct
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel import syscall
from accel.errors import HostError, ProgramError
from accel.source import BPF_DIR, read_source

# What bcc's clang wants of a kernel tree, in as few words as it takes: no kernel headers package.
_SHIM = {
    "include/linux/kconfig.h": "#define CONFIG_BPF_SYSCALL 1\n",
    "include/linux/types.h": "#include <uapi/linux/types.h>\n"
    "typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;\n"
    "typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;\n"
    "typedef __u64 __attribute__((aligned(8))) aligned_u64; typedef _Bool bool;\n"
    "typedef unsigned long size_t; typedef long ssize_t; typedef unsigned long uintptr_t;\n",
    "include/linux/version.h": "#include <uapi/linux/version.h>\n",
    "include/linux/compiler.h": "#define __user\n#define __force\n",
    "include/linux/log2.h": "",
    "include/asm/page.h": "",
    "include/asm/ptrace.h": "struct pt_regs;\n",
    "include/asm/byteorder.h": "#include <uapi/asm/byteorder.h>\n",
}
_WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
_LOAD_MAP_FD = 0x18  # the 64-bit immediate load; BPF_PSEUDO_MAP_FD in its source register
_PSEUDO_MAP_FD = 1


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """One source file's programs and maps. Owns the maps that bcc created, until `close`."""

    bpf: Any

    def table(self, name: str) -> Any:
        """bcc's table: `Key` and `Leaf` are the ctypes classes of its structs."""
        return self.bpf[name.encode()]

    def map_fd(self, name: str) -> int:
        """The file descriptor of the map that bcc made; it goes with this object."""
        return int(self.table(name).map_fd)

    def load(self, function: str, *, maps: Mapping[int, int] | None = None) -> int:
        """Load one function as an XDP program and return its file descriptor.

        `maps` puts other maps in the place of bcc's, by file descriptor. Raises ProgramError.
        """
        code = replace_maps(self.bpf.dump_func(function.encode()), maps or {})
        try:
            return syscall.prog_load(
                syscall.PROG_XDP,
                code,
                license="GPL",
                name=function,
                attach_type=syscall.ATTACH_XDP,
            )
        except syscall.VerifierError as e:
            tail = "\n".join(e.log.strip().splitlines()[-8:])
            raise ProgramError(
                f"the kernel refused {function}: {e.strerror}\n{tail}",
                log=e.log,
                hint="run `accel check`; a kernel from 5.10 with CAP_BPF is needed",
            ) from None


    def close(self) -> None:
        """Let go of the compiler's memory and of the maps that it made, unless others hold them."""
        atexit.unregister(self.bpf.cleanup)
        self.bpf.cleanup()


def compile_bpf(
    entry: Path, *, prelude: str = "", defines: Mapping[str, int] | None = None
) -> Compiled:
    """Compile `entry`, with `prelude` and `defines` in front. Raises ProgramError, HostError."""
    bcc = import_bcc()
    flags = [*_WARNINGS, *(f"-D{name}={value}" for name, value in (defines or {}).items())]
    text = prelude + read_source(entry)
    attempts: list[str] = []
    for tree in _kernel_trees():
        with tree as environment, _environment(environment), _captured() as errors:
            try:
                return Compiled(
                    bpf=bcc.BPF(text=text.encode(), cflags=flags + _extra_flags(environment))
                )
            except Exception as e:  # bcc raises Exception itself
                attempts.append(f"{errors()}\n{e}".strip())
    raise ProgramError(
        f"{entry.name} does not compile:\n{attempts[0]}",
        log="\n".join(attempts),
        hint="run `accel check`, and report this with its output",
    )


def import_bcc() -> Any:
    """The bcc module. Raises HostError that says how to install it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import bcc
    except ImportError as e:
        raise HostError(
            f"bcc cannot be imported: {e}",
            hint="apt install python3-bpfcc (or dnf install python3-bcc), and in a virtual "
            "environment create it from the distribution's python3 with --system-site-packages",
        ) from None
    if not hasattr(bcc, "BPF"):
        raise HostError(
            "the module called bcc is not the BPF compiler",
            hint="pip uninstall bcc; the right one is the distribution's python3-bpfcc",
        )
    return bcc


def replace_maps(code: bytes, maps: Mapping[int, int]) -> bytes:
    """`code` with each map file descriptor in it replaced as `maps` says."""
    changed = bytearray(code)
    for offset in range(0, len(code), 8):
        opcode, registers, _, immediate = struct.unpack_from("<BBhi", changed, offset)
        if opcode == _LOAD_MAP_FD and registers >> 4 == _PSEUDO_MAP_FD and immediate in maps:
            struct.pack_into("<i", changed, offset + 4, maps[immediate])
    return bytes(changed)


def _kernel_trees() -> Iterator[Any]:
    """The shim, where the C library's kernel headers are; then what bcc itself would find."""
    if _uapi_dirs():
        yield _shim_tree()
    if (
        Path(f"/lib/modules/{platform.release()}/build").exists()
        or Path("/sys/kernel/kheaders.tar.xz").exists()
    ):
        yield _real_tree()
    elif not _uapi_dirs():
        raise HostError(
            "no headers to compile with",
            hint="apt install linux-libc-dev (the C library's kernel headers are enough)",
        )


def _uapi_dirs() -> dict[str, Path]:
    """linux, asm and asm-generic of linux-libc-dev, or nothing if one is missing."""
    machine = f"{platform.machine()}-linux-gnu"
    found = {}
    for name in ("linux", "asm", "asm-generic"):
        places = [Path("/usr/include") / name, Path("/usr/include") / machine / name]
        here = next((p for p in places if p.is_dir()), None)
        if here is None:
            return {}
        found[name] = here
    return found


@contextmanager
def _shim_tree() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="accel-shim-") as name:
        root = Path(name)
        for path, text in _SHIM.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / "include/uapi").mkdir()
        for link, target in _uapi_dirs().items():
            (root / "include/uapi" / link).symlink_to(target)
        yield {"BCC_KERNEL_SOURCE": name}


@contextmanager
def _real_tree() -> Iterator[dict[str, str]]:
    yield {}


def _extra_flags(environment: Mapping[str, str]) -> list[str]:
    # With the shim bcc's own bpf.h is the only one; kernels' full headers warn by themselves.
    return ["-D__LINUX_BPF_H__"] if environment else ["-Wno-error"]


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _captured() -> Iterator[Any]:
    """What clang writes to standard error, as text, instead of on the terminal."""
    ctypes.CDLL(None).fflush(None)
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)

        def text() -> str:
            file.seek(0)
            return file.read().decode(errors="replace").strip()

        try:
            yield text
        finally:
            os.dup2(saved, 2)
            os.close(saved)


__all__ = ["BPF_DIR", "Compiled", "compile_bpf", "import_bcc", "replace_maps"]
