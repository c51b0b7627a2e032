"""C to bytecode by accel.ebpf.compiler, and bytecode into the kernel.

What was compiled can be kept in a file, so that the next start need not compile. Maps are made and
the program is loaded here, by bpf(2), so that maps that are pinned already can take the place of
new ones, and the whole verifier log is had.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import importlib.util
import json
import os
import re
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accel.ebpf import capabilities, syscall
from accel.ebpf.kfunc import patch_calls
from accel.ebpf.source import read_source
from accel.errors import HostError, ProgramError

_WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
_LOAD_MAP_FD = 0x18  # the 64-bit immediate load; BPF_PSEUDO_MAP_FD in its source register
_PSEUDO_MAP_FD = 1
_INTEGERS: dict[str, Any] = {
    of._type_: of
    for of in (
        *(
            ctypes.c_bool,
            ctypes.c_char,
            ctypes.c_byte,
            ctypes.c_ubyte,
            ctypes.c_short,
            ctypes.c_ushort,
            ctypes.c_int,
        ),
        *(ctypes.c_uint, ctypes.c_long, ctypes.c_ulong, ctypes.c_longlong, ctypes.c_ulonglong),
    )
}


class Compiled:
    """One source file's programs and maps. A map is made when it is asked for, or needed."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        """`answer` is that of accel.ebpf.compiler."""
        self._programs: Mapping[str, str] = answer["programs"]
        self._maps: Mapping[str, Any] = answer["maps"]
        self._fds: dict[str, int] = {}

    def leaf(self, name: str) -> Any:
        """The ctypes class of a map's values, as bcc derived it from the C."""
        return _ctype(self._maps[name]["leaf"])

    def map_fd(self, name: str) -> int:
        """The file descriptor of a map, which goes with `close`. Raises HostError."""
        if name not in self._fds:
            info = syscall.MapInfo(**self._maps[name]["info"])
            try:
                self._fds[name] = syscall.map_create(
                    info.kind,
                    info.key_size,
                    info.value_size,
                    info.entries,
                    flags=info.flags,
                    name=name[:15],
                )
            except OSError as error:
                raise _no_map(name, str(error.strerror)) from error
        return self._fds[name]

    def load(
        self,
        function: str,
        *,
        name: str | None = None,
        maps: Mapping[str, int] | None = None,
        kind: int = syscall.PROG_XDP,
        kernel_functions: Mapping[int, int] | None = None,
    ) -> int:
        """Load one function as a program of `kind` and return its file descriptor.

        The program is called `name`, or else as the function is. `maps` are used in the place of
        own ones, by name; `kernel_functions` are ids by marker (kfunc.py). Raises HostError and
        ProgramError.
        """
        code = bytes.fromhex(self._programs[function])
        if kernel_functions:
            code = patch_calls(code, kernel_functions)
        numbers = map_numbers(code)
        fds = {
            described["number"]: (maps or {}).get(name) or self.map_fd(name)
            for name, described in self._maps.items()
            if described["number"] in numbers
        }
        try:
            return syscall.prog_load(
                kind,
                replace_maps(code, fds),
                license="GPL",
                name=name or function,
                attach_type=syscall.ATTACH_XDP if kind == syscall.PROG_XDP else 0,
            )
        except syscall.VerifierError as e:
            if e.errno == errno.EPERM:
                raise HostError(
                    "the kernel lets this process load no program",
                    hint="run it as root; in a container allow bpf(2)",
                ) from e
            tail = "\n".join(e.log.strip().splitlines()[-8:])
            raise ProgramError(
                f"the kernel refused {name or function}: {e.strerror}\n{tail}",
                log=e.log,
                hint="run `accel check`; a kernel from 5.10 with CAP_BPF is needed",
            ) from None

    def close(self) -> None:
        """Let the maps go; the kernel keeps what is pinned or in use."""
        while self._fds:
            os.close(self._fds.popitem()[1])


def compile_bpf(
    entry: Path | str,
    *,
    prelude: str = "",
    defines: Mapping[str, int] | None = None,
    kept: Path | None = None,
) -> Compiled:
    """Compile `entry`, a file of bpf/ or elsewhere, with `prelude` and `defines` in front.

    What was compiled is kept in the file `kept`, by default one in $ACCEL_CACHE, if that is set,
    and taken from there if nothing has changed. Raises ProgramError, HostError.
    """
    capabilities.require()
    _lock_any_memory()
    # bcc asks for debugging information, which takes a sixth of the time and is not loaded.
    flags = [*_WARNINGS, "-g0", *(f"-D{name}={value}" for name, value in (defines or {}).items())]
    request = json.dumps({"text": prelude + read_source(entry), "flags": flags})
    digest = hashlib.sha256(f"{request} {_bcc_version()}".encode()).hexdigest()
    if not kept and (folder := os.environ.get("ACCEL_CACHE")):
        kept = kept_in(Path(folder), entry, defines)
    if kept and (answer := _read(kept, digest)):
        return Compiled(answer)
    answer = _compile(Path(entry).name, request)
    if kept:
        # The flow keys are in the bytecode.
        keep_secret(kept, json.dumps({"digest": digest, "answer": answer}))
    return Compiled(answer)


def kept_in(folder: Path, entry: Path | str, defines: Mapping[str, int] | None = None) -> Path:
    """The file for `entry` in a folder of what was compiled."""
    which = hashlib.sha256(repr(sorted((defines or {}).items())).encode()).hexdigest()[:8]
    return folder / f"{Path(entry).name.partition('.')[0]}-{which}.json"


def _no_map(name: str, problem: str) -> HostError:
    return HostError(
        f"the kernel makes no map {name}: {problem}",
        hint="lower the limits, or let this process have more memory",
    )


def _compile(name: str, request: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "accel.ebpf.compiler"],
        input=request,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = {"refused": f"the compiler ended with {done.returncode}"}
    with contextlib.suppress(ValueError):
        answer = json.loads(done.stdout)
    if "lacks" in answer:
        raise HostError(answer["lacks"], hint=answer["hint"])
    if "refused" in answer:
        log = f"{done.stderr}\n{answer['refused']}".strip()
        if found := re.search(r"could not open bpf map: (\w+), error: (.+)", log):
            raise _no_map(found[1], found[2])
        raise ProgramError(
            f"{name} does not compile:\n{log}",
            log=log,
            hint="run `accel check`, and report this with its output",
        )
    return answer


def _read(kept: Path, digest: str) -> Mapping[str, Any] | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(kept.read_text())
        if found["digest"] == digest:
            answer: Mapping[str, Any] = found["answer"]
            return answer
    return None


def _bcc_version() -> str:
    """Another one may compile otherwise."""
    found = importlib.util.find_spec("bcc")
    return "" if not found or not found.origin else f"{os.stat(found.origin).st_mtime_ns}"


def _lock_any_memory() -> None:
    """Before kernel 5.11 maps count as locked memory."""
    with contextlib.suppress(OSError, ValueError):
        infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, infinite)


def keep_secret(path: Path, text: str) -> None:
    """Write `path` for nobody else to read; whole, or not at all if that cannot be."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(path)


def map_numbers(code: bytes) -> set[int]:
    """The file descriptors of maps in `code`."""
    return {immediate for _, immediate in _map_loads(code)}


def replace_maps(code: bytes, maps: Mapping[int, int]) -> bytes:
    """`code` with each map file descriptor in it replaced as `maps` says."""
    changed = bytearray(code)
    for offset, immediate in _map_loads(code):
        if immediate in maps:
            struct.pack_into("<i", changed, offset + 4, maps[immediate])
    return bytes(changed)


def _map_loads(code: bytes) -> Iterator[tuple[int, int]]:
    """Where a map is loaded, and its file descriptor."""
    for offset in range(0, len(code), 8):
        opcode, registers, _, immediate = struct.unpack_from("<BBhi", code, offset)
        if opcode == _LOAD_MAP_FD and registers >> 4 == _PSEUDO_MAP_FD:
            yield offset, immediate


def _ctype(described: Any) -> Any:
    """The ctypes class that accel.ebpf.compiler described."""
    if isinstance(described, str):
        return _INTEGERS[described]
    if isinstance(described, list):
        length, of = described
        return _ctype(of) * length
    base = ctypes.Union if described["union"] else ctypes.Structure
    fields = [(name, _ctype(of)) for name, of in described["fields"].items()]
    return type("Leaf", (base,), {"_fields_": fields})
