"""The real daemon, in a namespace from which every backend is reached over one next hop."""

from __future__ import annotations

import contextlib
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np

from accel.client.client import Client
from accel.datapath.encode import Words
from accel.datapath.maps import NAMES
from accel.ebpf import syscall
from accel.errors import UnreachableError
from accel.lab.folder import mount_bpffs, remove_folder
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.model.backend import Backend
from accel.model.service import Protocol, Service

SERVICES, BACKENDS = 1000, 100
OPTIONS = (
    *("--max-services", "1024"),
    *("--max-backends", str(1 << 17)),
    *("--max-slots", str(SERVICES * 65537)),
)
_FIRST_SERVICE, _FIRST_BACKEND = int(ip_address("198.18.0.0")), int(ip_address("10.0.0.0"))
_MB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Host:
    """Where daemons run: a namespace, and folders that go with it."""

    namespace: Namespace
    folder: Path
    pins: Path

    @contextlib.contextmanager
    def daemon(self, *options: str) -> Iterator[Daemon]:
        """A daemon that has just answered its first call. It is ended in the end."""
        files = {"--socket": self.folder / "accel.sock", "--state": self.folder / "state.db"}
        command = [sys.executable, "-m", "accel.control.daemon", "--pin-root", str(self.pins)]
        for option, path in files.items():
            command += [option, str(path)]
        start = time.monotonic()
        process = self.namespace.popen([*command, *options], stderr=subprocess.DEVNULL)
        try:
            client = _answering(self.folder / "accel.sock", process)
            ready = time.monotonic() - start
            yield Daemon(process=process, client=client, ready=ready, pins=self.pins)
            client.close()
        finally:
            process.terminate()
            process.wait(timeout=30)

    def forget(self) -> None:
        """The next daemon starts from nothing."""
        for path in self.folder.iterdir():
            path.unlink()
        for path in self.pins.glob("*/*"):
            path.unlink()


@contextlib.contextmanager
def host() -> Iterator[Host]:
    """The namespace with its one next hop; all of it is removed in the end."""
    with _folder() as made, Namespace(f"{unique()}-bench") as namespace:
        folder = made / "files"
        folder.mkdir()
        pins = mount_bpffs(made) / "accel"
        link = namespace.netlink
        link.link("add", ifname="up", kind="veth", peer={"ifname": "far"})
        for interface in ("up", "far"):
            link.link("set", index=namespace.index(interface), state="up")
        up = namespace.index("up")
        link.addr("add", index=up, address="192.0.2.1", prefixlen=24)
        link.neigh(
            "replace", ifindex=up, dst="192.0.2.254", lladdr="02:00:00:00:00:fe", state="permanent"
        )
        link.route("add", dst="10.0.0.0/8", gateway="192.0.2.254")
        yield Host(namespace=namespace, folder=folder, pins=pins)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix=f"{unique()}-bench-"))
    try:
        yield made
    finally:
        remove_folder(made)


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """One that runs. `ready` is in seconds from its start to its first answer."""

    process: subprocess.Popen[Any]
    client: Client
    ready: float
    pins: Path

    @property
    def resident(self) -> float:
        """MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / _MB
        raise ProcessLookupError(self.process.pid)

    def maps(self) -> Maps:
        """Its pinned maps."""
        folder = next(path for path in self.pins.iterdir() if path.is_dir())
        return Maps({name: syscall.pinned(folder / name) for name in NAMES})


class Maps:
    """Maps by their names, seen from another process than the daemon's."""

    def __init__(self, fds: dict[str, int]) -> None:
        self._fds = fds

    def memory(self) -> dict[str, float]:
        """MB by name, as the kernel accounts for them."""
        return {name: _memlock(fd) / _MB for name, fd in self._fds.items()}

    def rings(self) -> Words:
        """The memory of the services' ring words: each names another ring."""
        return self._words("services").reshape(-1, 4)[:, 3]

    def states(self) -> Words:
        """The memory of the backends' first words, where their state is."""
        return self._words("backends").reshape(-1, 8)[:, 0]

    def _words(self, name: str) -> Words:
        info = syscall.map_info(self._fds[name])
        return np.frombuffer(mmap.mmap(self._fds[name], info.value_size * info.entries), np.uint64)


def services(count: int) -> list[Service]:
    """So many services on rings of 65537."""
    return [
        Service(
            name=f"s{i}", address=ip_address(_FIRST_SERVICE + i), port=443, protocol=Protocol.TCP
        )
        for i in range(count)
    ]


def backends(count: int, of: Sequence[Service]) -> list[Backend]:
    """So many for each service."""
    return [
        Backend(
            service=service.name,
            name=f"b{i}",
            address=ip_address(_FIRST_BACKEND + 256 + n * count + i),
        )
        for n, service in enumerate(of)
        for i in range(count)
    ]


def _answering(socket: Path, process: subprocess.Popen[Any]) -> Client:
    while process.poll() is None:
        client = Client(socket)
        try:
            client.status()
        except UnreachableError:
            client.close()
            time.sleep(0.005)
        else:
            return client
    raise RuntimeError(f"acceld ended with {process.returncode}: {process.args!r}")


def _memlock(fd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines():
        if line.startswith("memlock:"):
            return int(line.split()[1])
    raise OSError(f"no memlock in fdinfo of {fd}")
