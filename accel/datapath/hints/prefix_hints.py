"""Hints of prefixes, and QUIC server ids: hash tables of the kernel, of some thousand entries."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator

from accel.datapath.encode import address_bytes
from accel.ebpf import syscall
from accel.errors import CapacityError, InvalidError
from accel.model.address import Address
from accel.model.prefix import Network

_PREFIX = struct.Struct("=II16s")  # struct prefix_key
_CID = struct.Struct("=16sII")  # struct cid_key
_V4_BITS = 96  # IPv4 addresses are ::ffff:a.b.c.d
_LENGTH_BITS = 0x1F  # of the first byte of a connection id; the rotation is above them


def prefix_key(index: int, network: Network) -> bytes:
    """That of a service's prefix."""
    bits = 32 + network.prefixlen + (_V4_BITS if network.version == 4 else 0)
    return _PREFIX.pack(bits, index, address_bytes(network.network_address))


def address_key(index: int, address: Address) -> bytes:
    """What the longest prefix is looked for by."""
    return _PREFIX.pack(32 + 128, index, address_bytes(address))


def cid_key(index: int, rotation: int, server_id: bytes) -> bytes:
    """That of a server id. Raises InvalidError."""
    if not 1 <= len(server_id) <= 15 or not 0 <= rotation <= 6:
        raise InvalidError(
            "server_id",
            f"{len(server_id)} bytes of rotation {rotation}",
            hint="from 1 to 15 bytes, of rotations 0 to 6",
        )
    return _CID.pack((bytes([rotation << 5]) + server_id).ljust(16, b"\0"), index, 0)


def index_of(key: bytes) -> int:
    """That of the service whose server id it is."""
    return int(_CID.unpack(key)[1])


class KeyedHints:
    """One of these maps."""

    def __init__(self, fd: int, *, option: str = "--max-hints") -> None:
        info = syscall.map_info(fd)
        self._fd, self._key_size, self._value_size = fd, info.key_size, info.value_size
        self._limit, self._option = info.entries, option

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values."""
        for key in syscall.map_keys(self._fd, self._key_size):
            if (value := self.get(key)) is not None:
                yield key, value

    def get(self, key: bytes) -> bytes | None:
        """The value, which for prefixes is that of the longest one."""
        return syscall.map_lookup(self._fd, key, self._value_size)

    def put(self, key: bytes, value: bytes) -> None:
        """Raises CapacityError."""
        try:
            syscall.map_update(self._fd, key, value)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.E2BIG):
                raise
            raise CapacityError(
                "hints of prefixes or server ids",
                needed=self._limit + 1,
                limit=self._limit,
                option=self._option,
            ) from None

    def remove(self, key: bytes) -> bool:
        """Whether it was there."""
        return syscall.map_delete(self._fd, key)

    def remove_where(self, wanted: Callable[[int, int], bool]) -> None:
        """Those whose service's index and word are wanted."""
        prefixes = self._key_size == _PREFIX.size and self._value_size == 16
        for key, value in list(self.items()):
            index = _PREFIX.unpack(key)[1] if prefixes else _CID.unpack(key)[1]
            if wanted(index, struct.unpack_from("=Q", value)[0]):
                self.remove(key)
