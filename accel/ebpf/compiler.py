"""C to bytecode through bcc, in a process of its own. The one file that imports bcc.

    python -m accel.ebpf.compiler < request > answer          both JSON

bcc brings LLVM, which takes 100 MB: this process has them for half a second, instead of the daemon
for good. The maps that bcc makes on the way go with it; the answer says what they were like.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import mmap
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from accel.ebpf import syscall
from accel.errors import HostError

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
    "include/asm/page.h": f"#define PAGE_SIZE {mmap.PAGESIZE}\n",
    "include/asm/ptrace.h": "struct pt_regs;\n",
    "include/asm/byteorder.h": "#include <uapi/asm/byteorder.h>\n",
}


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    try:
        answer = _compile(import_bcc(), request["text"], request["flags"])
    except HostError as error:
        answer = {"lacks": error.message, "hint": error.hint}
    json.dump(answer, sys.stdout)


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


def _compile(bcc: Any, text: str, flags: list[str]) -> dict[str, Any]:
    problem = ""
    for tree, its_flags in _kernel_trees():
        with tree as environment:
            os.environ.update(environment)
            try:
                return _described(bcc, bcc.BPF(text=text.encode(), cflags=flags + its_flags))
            except Exception as error:  # bcc raises Exception itself
                problem = problem or str(error)
            for name in environment:
                del os.environ[name]
    return {"refused": problem}


def _described(bcc: Any, bpf: Any) -> dict[str, Any]:
    """Programs, and maps with the file descriptors by which the programs name them."""
    lib, module = bcc.lib, ctypes.c_void_p(bpf.module)
    lib.bpf_table_name.restype = ctypes.c_char_p
    programs = [lib.bpf_function_name(module, i) for i in range(lib.bpf_num_functions(module))]
    maps = [
        lib.bpf_table_name(module, ctypes.c_size_t(i)) for i in range(lib.bpf_num_tables(module))
    ]
    return {
        "programs": {name.decode(): bpf.dump_func(name).hex() for name in programs},
        "maps": {
            name.decode(): {
                "number": lib.bpf_table_fd(module, name),
                "info": dataclasses.asdict(syscall.map_info(lib.bpf_table_fd(module, name))),
                "leaf": _described_type(bpf[name].Leaf),
            }
            for name in maps
        },
    }


def _described_type(kind: Any) -> Any:
    """A ctypes class as what `loader.ctype` makes it of: a code, [length, of] or {"fields": …}."""
    if issubclass(kind, ctypes.Array):
        return [kind._length_, _described_type(kind._type_)]
    if issubclass(kind, (ctypes.Structure, ctypes.Union)):
        fields = {name: _described_type(of) for name, of, *_ in kind._fields_}
        return {"union": issubclass(kind, ctypes.Union), "fields": fields}
    return kind._type_


def _kernel_trees() -> Iterator[tuple[Any, list[str]]]:
    """The shim, where the C library's kernel headers are; then what bcc itself would find.

    Each with the flags that it needs.
    """
    if _uapi_dirs():
        # bcc's own bpf.h is the only one with it.
        yield _shim_tree(), ["-D__LINUX_BPF_H__"]
    if (
        Path(f"/lib/modules/{platform.release()}/build").exists()
        or Path("/sys/kernel/kheaders.tar.xz").exists()
    ):
        # Kernels' full headers warn by themselves.
        yield nullcontext({}), ["-Wno-error"]
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


if __name__ == "__main__":
    main()
