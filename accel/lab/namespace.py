"""One network namespace: made, entered, given processes, removed."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pyroute2 import IPRoute, netns

from accel.ebpf import syscall
from accel.errors import HostError
from accel.lab.folder import remove_folder

_FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
_ETHTOOL_COMMANDS = {
    "tx": 0x17,
    "tso": 0x1F,
    "gso": 0x24,
    "gro": 0x2C,
}  # linux/ethtool.h, ETHTOOL_S*
_XDP_PASS = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A named network namespace with its loopback up. A context manager, which removes it.

    Raises HostError without the right to it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.processes: list[subprocess.Popen[Any]] = []
        self._links: dict[str, int] = {}
        try:
            netns.create(name)
        except OSError as error:
            raise HostError(
                f"cannot make the network namespace {name}: {error.strerror}",
                hint="the lab needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN)",
            ) from error
        try:
            with self.entered():
                self.netlink = IPRoute()
            self.netlink.link("set", index=1, state="up")
        except BaseException:
            netns.remove(name)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    @property
    def path(self) -> Path:
        return _FOLDER / self.name

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in the namespace meanwhile: its new sockets and sysctls are there."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(self.path, "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def sysctl(self, **values: int) -> None:
        """Set values below net., with "__" for a dot; those that this kernel lacks are left out."""
        with self.entered():
            for key, value in values.items():
                path = Path("/proc/sys/net") / key.replace("__", "/")
                with contextlib.suppress(FileNotFoundError):
                    path.write_text(f"{value}\n")

    def offload(self, interface: str, **values: bool) -> None:
        """As `ethtool -K interface tx off gro on`: tx, tso, gso, gro."""
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
            for feature, on in values.items():
                value = ctypes.create_string_buffer(
                    struct.pack("=II", _ETHTOOL_COMMANDS[feature], on)
                )
                request = struct.pack("=16sQ16x", interface.encode(), ctypes.addressof(value))
                fcntl.ioctl(handle, _SIOCETHTOOL, request)

    def take_xdp(self, interface: str, program: int | None = None) -> None:
        """Have a veth take the frames that XDP sends at its other end: it must run XDP itself.

        With gro alone it takes them too, but nobody wakes it (veth_xdp_flush of the kernel).
        `program` passes everything by default, and replaces one that is there from before.
        """
        used = program or syscall.prog_load(
            syscall.PROG_XDP, _XDP_PASS, license="GPL", attach_type=syscall.ATTACH_XDP
        )
        link = self._links.get(interface)
        if link is not None and syscall.link_ifindex(link):
            syscall.link_update(link, used)
        else:  # none, or that of an interface which is gone
            with self.entered():
                index = socket.if_nametoindex(interface)
                self._links[interface] = syscall.link_create(used, index, syscall.ATTACH_XDP)
            if link is not None:
                os.close(link)
        if program is None:
            os.close(used)

    def counter(self, protocol: str, name: str) -> int:
        """One of the kernel's counters for the namespace, as ("Tcp", "RetransSegs")."""
        with self.entered():
            lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
        names, values = (line.split() for line in lines if line.startswith(f"{protocol}:"))
        return int(values[names.index(name)])

    def index(self, interface: str) -> int:
        """The number of an interface."""
        found: int = self.netlink.link_lookup(ifname=interface)[0]
        return found

    def popen(
        self,
        command: Sequence[str | Path],
        *,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a process in the namespace; it ends with the namespace at the latest.

        By nsenter, since `ip netns exec` makes a mount namespace too, where bpffs is hidden.
        """
        process = subprocess.Popen(
            ["nsenter", f"--net={self.path}", "--", *map(str, command)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(
        self, command: Sequence[str | Path], *, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the namespace to its end. Raises CalledProcessError if it fails."""
        return subprocess.run(
            ["nsenter", f"--net={self.path}", "--", *map(str, command)],
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=check,
        )

    def remove(self) -> None:
        """End its processes and remove it. May be called twice."""
        end(self.processes)
        self.processes.clear()
        while self._links:
            os.close(self._links.popitem()[1])
        self.netlink.close()
        with contextlib.suppress(FileNotFoundError):
            netns.remove(self.name)


def end(processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Ask these processes to end, and make those that do not within two seconds."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def sweep(prefix: str) -> list[str]:
    """Remove namespaces called PREFIX-PID... whose process PID is gone, with what runs in them.

    Folders of that name for temporary files go too. Returns the namespaces' names.
    """
    swept = []
    for path in _orphans(_FOLDER, prefix):
        with contextlib.suppress(FileNotFoundError):  # somebody else sweeps too
            for inhabitant in _inhabitants(path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(inhabitant, signal.SIGKILL)
            netns.remove(path.name)
            swept.append(path.name)
    for path in _orphans(Path(tempfile.gettempdir()), prefix):
        remove_folder(path)
    return swept


def _orphans(folder: Path, prefix: str) -> list[Path]:
    name = re.compile(rf"{prefix}-(\d+)\.\d+-")
    found = ((path, name.match(path.name)) for path in folder.glob(f"{prefix}-*"))
    return sorted(path for path, m in found if m and not Path("/proc", m[1]).exists())


def _inhabitants(path: Path) -> list[int]:
    wanted = _identity(path)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _identity(process / "ns/net") == wanted:
                found.append(int(process.name))
    return found


def _identity(namespace: Path) -> tuple[int, int]:
    found = namespace.stat()
    return found.st_dev, found.st_ino


def _setns(file: IO[bytes]) -> None:
    if _libc.setns(file.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), file.name)
