"""XDP programs on interfaces, by pinned links: they outlive the daemon, and no `ip link` undoes
them by accident. A new program takes over between two packets (BPF_LINK_UPDATE)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from accel.ebpf import syscall
from accel.errors import HostError, InvalidError, NotFoundError

_FLAGS = {"native": 1 << 2, "generic": 1 << 1}  # XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE
_PREFIX = "link_"
_EBUSY, _EOPNOTSUPP, _EINVAL, _ERANGE = 16, 95, 22, 34


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """Where the program is attached, and how: `xdp_mode` is "native" or "generic"."""

    interface: str
    xdp_mode: str
    warning: str = ""


class Links:
    """The links of one program. Pinned in `folder`; without one they end with this object."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._fds: dict[tuple[int, str], int] = {}
        if folder and folder.is_dir():
            for path in sorted(folder.glob(f"{_PREFIX}*")):
                _, ifindex, mode = path.name.split("_")
                self._fds[int(ifindex), mode] = syscall.pinned(path)

    def attach(self, program: int, interface: str, mode: str = "auto") -> Attachment:
        """Attach, or do nothing if it is there already in that mode.

        `mode` is "auto" (native, falling back to generic), "native" or "generic".
        Raises InvalidError, NotFoundError (interface) and HostError (driver, other program).
        """
        if mode not in ("auto", *_FLAGS):
            raise InvalidError("mode", f"{mode!r} is not auto, native or generic")
        ifindex = _ifindex(interface)
        self._forget_gone()
        for present in self.attachments():
            if present.interface == interface:
                if mode in ("auto", present.xdp_mode):
                    return present
                self.detach(interface)
        if mode != "auto":
            return self._attach(program, ifindex, interface, mode)
        try:
            return self._attach(program, ifindex, interface, "native")
        except HostError as native:
            if isinstance(native.__cause__, OSError) and native.__cause__.errno == _EBUSY:
                raise
            self._attach(program, ifindex, interface, "generic")
            warning = f"{native.message}: attached in generic mode, several times slower"
            return Attachment(interface=interface, xdp_mode="generic", warning=warning)

    def detach(self, interface: str) -> None:
        """Raises NotFoundError if the program is not attached there."""
        found = [key for key in self._fds if _name(key[0]) == interface]
        if not found:
            raise NotFoundError("interface", interface, hint="see `accel status`")
        for key in found:
            self._drop(key)

    def replace(self, program: int) -> None:
        """All links run `program` from their next packet on."""
        self._forget_gone()
        for fd in self._fds.values():
            syscall.link_update(fd, program)

    def move_from(self, other: Links) -> None:
        """Take over another folder's links. They are pinned at any moment, here or there."""
        for key, fd in other._fds.items():
            if key in self._fds:  # taken over already by a daemon that did not come to an end
                os.close(fd)
            else:
                if self._folder:
                    syscall.pin(fd, self._path(key))
                self._fds[key] = fd
            if other._folder:
                other._path(key).unlink(missing_ok=True)
        other._fds = {}

    def attachments(self) -> list[Attachment]:
        """In order of the interfaces' numbers; interfaces that are gone are left out."""
        return [
            Attachment(interface=_name(ifindex), xdp_mode=mode)
            for (ifindex, mode), fd in sorted(self._fds.items())
            if syscall.link_ifindex(fd)
        ]

    def close(self) -> None:
        """Let go; what is pinned stays attached."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}

    def _attach(self, program: int, ifindex: int, interface: str, mode: str) -> Attachment:
        try:
            fd = syscall.link_create(program, ifindex, syscall.ATTACH_XDP, _FLAGS[mode])
        except OSError as e:
            raise _refused(e, interface, mode) from e
        self._fds[ifindex, mode] = fd
        if self._folder:
            syscall.pin(fd, self._path((ifindex, mode)))
        return Attachment(interface=interface, xdp_mode=mode)

    def _forget_gone(self) -> None:
        """Links go with their interfaces; the numbers of these may be given out again."""
        for key, fd in list(self._fds.items()):
            if not syscall.link_ifindex(fd):
                self._drop(key)

    def _drop(self, key: tuple[int, str]) -> None:
        fd = self._fds.pop(key)
        if self._folder:
            self._path(key).unlink(missing_ok=True)
        if syscall.link_ifindex(fd):
            syscall.link_detach(fd)
        os.close(fd)

    def _path(self, key: tuple[int, str]) -> Path:
        assert self._folder is not None
        return self._folder / f"{_PREFIX}{key[0]}_{key[1]}"


def _ifindex(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise NotFoundError("interface", interface, hint=f"there are {names}") from None


def _name(ifindex: int) -> str:
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return f"if{ifindex}"


def _refused(e: OSError, interface: str, mode: str) -> HostError:
    what = {
        _EBUSY: "another XDP program is attached there",
        _EOPNOTSUPP: f"its driver has no {mode} XDP",
        _EINVAL: f"its driver refused {mode} XDP",
        _ERANGE: "its MTU is too large for XDP",
    }.get(e.errno or 0, f"{e.strerror}")
    hint = {
        _EBUSY: f"see it with `ip link show {interface}`, and take it away first",
        _ERANGE: f"ip link set {interface} mtu 3498, or less",
    }.get(e.errno or 0, "try generic mode")
    return HostError(f"cannot attach to {interface}: {what}", hint=hint)
