"""The data path's maps: created or adopted, their memory mapped, their folder in bpffs.

A folder's name carries the hash of what decides the maps' layout, so maps of another layout are
never mistaken for ours: a new layout gets a folder of its own beside the old one.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import re
import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accel.datapath.layout import defines, possible_cpus
from accel.ebpf import syscall
from accel.ebpf.loader import Compiled, compile_bpf, keep_secret
from accel.ebpf.source import Unit
from accel.errors import HostError
from accel.model.placement import Limits

NAMES = (
    "services",
    "sieve",
    "backends",
    "flows",
    "rings",
    "settings",
    "counters",
    "budgets",
    "programs",
    "handed_back",
    "guards",
    "guard_keys",
    "proven",
    "paces",
    "first_syns",
    "samples",
    "hints",
    "pushed",
    "learned",
    "prefix_hints",
    "cids",
    "loads",
    "warmths",
    "outcomes",
    "sampled",
    "hint_samples",
    "prefix_blocks",
    "prefixes",
)
PROGRAMS = ("gateway", "limit", "handshake", "out_of_state", "new_flow", "learner")  # enum program
_FOLDER = re.compile("[0-9a-f]{12}")  # of layout_hash
_FLOW_KEYS = [f"FLOW_KEY_{use}_{i}" for use in ("TAG", "BUCKET") for i in range(7)]


def compile_unit(
    unit: Unit, *, keys: Sequence[int], defines: Mapping[str, int], kept: Path | None
) -> Compiled:
    """Compile a program of bpf/ that is over these maps. Raises ProgramError and HostError."""
    return compile_bpf(
        f"programs/{unit.entry}",
        prelude="".join(f"#define {n} {k:#x}ULL\n" for n, k in zip(_FLOW_KEYS, keys, strict=True)),
        defines={**defines, **unit.defines},
        kept=kept / f"{unit.name}.json" if kept else None,
    )


def folders_in(root: Path) -> list[Path]:
    """Those that data paths have pinned in. Whatever else is in `root` is somebody else's."""
    return sorted(p for p in root.iterdir() if _FOLDER.fullmatch(p.name) and p.is_dir())


def remove_folder(folder: Path) -> None:
    """Remove a data path's pins and its folder."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@dataclass(kw_only=True)
class MapSet:
    """The maps of one data path. `adopted` is true if they were pinned already."""

    compiled: Compiled
    unit: Unit
    limits: Limits
    folder: Path | None
    fds: dict[str, int]
    adopted: bool
    _compile_unit: Callable[[Unit], Compiled]
    _mapped: dict[str, mmap.mmap] = field(default_factory=dict)

    @classmethod
    def open(
        cls, folder: Path | None, limits: Limits, unit: Unit, kept: Path | None = None
    ) -> MapSet:
        """Compile `unit`, and adopt the maps pinned in `folder` or pin new ones there.

        The unit is one that has all maps. What was compiled stays in the folder `kept`. Raises
        HostError (bcc, bpffs, memory) and ProgramError.
        """
        pinned = _pinned(folder) if folder else {}
        keys = _read_flow_keys(pinned["settings"]) if pinned else new_flow_keys(kept)
        compile_each = functools.partial(
            compile_unit, keys=keys, defines=defines(limits), kept=kept
        )
        compiled = compile_each(unit)
        fds = pinned or {name: os.dup(compiled.map_fd(name)) for name in NAMES}
        maps = cls(
            compiled=compiled,
            unit=unit,
            limits=limits,
            folder=folder,
            fds=fds,
            adopted=bool(pinned),
            _compile_unit=compile_each,
        )
        if not pinned:
            maps.words("settings")[1:] = keys
            if folder:
                maps._pin(folder)
        return maps

    def load(self, gateway: Unit) -> int:
        """Load a variant of the gateway's program over these maps; its file descriptor.

        Raises ProgramError and HostError.
        """
        compiled = self.compiled if gateway == self.unit else self._compile_unit(gateway)
        try:
            return compiled.load(PROGRAMS[0], name=gateway.name, maps=self.fds)
        finally:
            compiled.close()

    def load_callees(self, unit: Unit, programs: Sequence[str]) -> None:
        """Load what the gateway hands packets over to, and let it. Raises as `load` does."""
        compiled = self._compile_unit(unit)
        try:
            for name in programs:
                program = compiled.load(name, maps=self.fds)
                self._put_program(name, program)
                os.close(program)
        finally:
            compiled.close()

    def hand_back_to(self, program: int) -> None:
        """What the guard and the hints have looked at goes on with this one."""
        self._put_program(PROGRAMS[0], program)

    def _put_program(self, name: str, program: int) -> None:
        key, value = struct.pack("=I", PROGRAMS.index(name)), struct.pack("=I", program)
        syscall.map_update(self.fds["programs"], key, value)

    def words(self, name: str) -> npt.NDArray[np.uint64]:
        """The memory of a mappable map as 64-bit words: a store is a store into the map."""
        if name not in self._mapped:
            info = syscall.map_info(self.fds[name])
            size = info.value_size * info.entries
            self._mapped[name] = mmap.mmap(
                self.fds[name], -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
            )
        info = syscall.map_info(self.fds[name])
        count = info.value_size * info.entries // 8
        return np.frombuffer(self._mapped[name], np.uint64, count)

    def memory(self, name: str) -> int:
        """Bytes that the map takes, its hash table's overhead left out."""
        info = syscall.map_info(self.fds[name])
        return (info.key_size + info.value_size) * info.entries

    @property
    def cpus(self) -> int:
        """How many parts the counters have."""
        return possible_cpus()

    def leaf(self, name: str) -> Any:
        """The ctypes class of a map's values, derived from the C."""
        return self.compiled.leaf(name)

    def _pin(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, fd in self.fds.items():
                syscall.pin(fd, folder / name)
        except OSError as e:
            raise HostError(
                f"cannot pin in {folder}: {e.strerror}",
                hint="mount -t bpf bpf /sys/fs/bpf, and run as root or with CAP_BPF",
            ) from None

    def close(self) -> None:
        """Let go; what is pinned stays."""
        self._mapped.clear()
        for fd in self.fds.values():
            os.close(fd)
        self.fds = {}


def _pinned(folder: Path) -> dict[str, int]:
    """The maps in `folder`, or nothing: a half pinned folder is one of a start that failed."""
    try:
        return {name: syscall.pinned(folder / name) for name in NAMES}
    except OSError:
        for name in NAMES:
            (folder / name).unlink(missing_ok=True)
        return {}


def new_flow_keys(kept: Path | None) -> list[int]:
    """Random ones, or those of the last time: they are compiled in, so others would be compiled."""
    path = kept / "flow-keys" if kept else None
    with contextlib.suppress(OSError, ValueError):
        keys = [int(key, 16) for key in path.read_text().split()] if path else []
        if len(keys) == len(_FLOW_KEYS):
            return keys
    keys = [secrets.randbits(64) for _ in _FLOW_KEYS]
    if path:
        keep_secret(path, "".join(f"{key:016x}\n" for key in keys))
    return keys


def _read_flow_keys(settings: int) -> list[int]:
    size = syscall.map_info(settings).value_size
    value = syscall.map_lookup(settings, bytes(4), size) or bytes(size)
    return [int(k) for k in np.frombuffer(value, np.uint64)[1:]]
