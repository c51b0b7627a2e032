"""The desired prefixes in SQLite, in the file of the store, by a connection of their own.

A million of them take seconds to write; what else is stored may be written before and after.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accel.errors import HostError
from accel.model.address import Address
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes, network_at, network_of, number

WAIT = 60.0  # seconds that a write waits for another one to this file
_KEY = 17  # bytes: the address and the prefix length, both of 128 bits

SCHEMA = """
-- By address and length, IPv4 as ::ffff:a.b.c.d. Expiry in ms since 1970, 0 for never.
CREATE TABLE prefixes (
    key BLOB PRIMARY KEY, deny INTEGER NOT NULL, expires INTEGER NOT NULL, comment TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX prefixes_by_expiry ON prefixes (expires) WHERE expires > 0;
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One prefix; `expires` in ms since 1970, 0 for never."""

    network: Network
    deny: bool
    expires: int
    comment: str


class PrefixStore:
    """Its user sees to it that calls do not overlap."""

    def __init__(self, path: Path) -> None:
        """`path` is a file that control.store.Store has opened."""
        self._path = path
        self._db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=WAIT
        )
        self._db.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        """The file is complete without this, too."""
        self._db.close()

    def load(self) -> Prefixes:
        """All of them. Raises HostError if the file is damaged."""
        try:
            return _prefixes(self._db.execute("SELECT key, deny FROM prefixes"))
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise HostError(
                f"the state file {self._path} is damaged: {error}",
                hint="put a copy of it there",
            ) from error

    def count(self) -> int:
        found: int = self._db.execute("SELECT count(*) FROM prefixes").fetchone()[0]
        return found

    def put(
        self,
        prefixes: Prefixes,
        expires: npt.NDArray[np.int64],
        comments: Mapping[int, str],
        *,
        only: bool = False,
    ) -> None:
        """Add them, with their expiry and comment by position; with `only` all others go.

        Raises HostError.
        """
        texts = (comments.get(i, "") for i in range(len(prefixes))) if comments else repeat("")
        rows = zip(
            _each_key(prefixes), prefixes.deny.tolist(), expires.tolist(), texts, strict=False
        )
        with self._transaction():
            if only:
                self._db.execute("DELETE FROM prefixes")
            self._db.executemany("INSERT OR REPLACE INTO prefixes VALUES (?, ?, ?, ?)", rows)

    def remove(self, prefixes: Prefixes) -> None:
        """Raises HostError."""
        with self._transaction():
            keys = struct.iter_unpack(f"{_KEY}s", _keys(prefixes))
            self._db.executemany("DELETE FROM prefixes WHERE key = ?", keys)

    def get(self, network: Network) -> Stored | None:
        """That very prefix, if it is there."""
        row = self._get(_keys(Prefixes.of([(network, False)])))
        return None if row is None else _stored(*row)

    def covering(self, address: Address) -> list[Stored]:
        """Those that have `address`, the longest first."""
        found = (
            self.get(network_of(address, length)) for length in range(address.max_prefixlen, -1, -1)
        )
        return [stored for stored in found if stored is not None]

    def page(self, after: bytes, size: int) -> list[Stored]:
        """The next ones in order after a key, b"" for the first."""
        rows = self._db.execute(
            "SELECT * FROM prefixes WHERE key > ? ORDER BY key LIMIT ?", (after, size)
        )
        return [_stored(*row) for row in rows]

    def expired(self, now: int) -> Prefixes:
        """Those whose time is over at `now`, in ms."""
        return _prefixes(
            self._db.execute(
                "SELECT key, deny FROM prefixes WHERE expires > 0 AND expires <= ?", (now,)
            )
        )

    def next_expiry(self) -> int:
        """When the next one's time is over, in ms; 0 for never."""
        row = self._db.execute("SELECT min(expires) FROM prefixes WHERE expires > 0").fetchone()
        return row[0] or 0

    def _get(self, key: bytes) -> tuple[bytes, int, int, str] | None:
        row: tuple[bytes, int, int, str] | None = self._db.execute(
            "SELECT * FROM prefixes WHERE key = ?", (key,)
        ).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise HostError(
                f"cannot write the state file {self._path}: {error}",
                hint="nothing was changed; see that the disk is not full",
            ) from error


def key_of(network: Network) -> bytes:
    """By which they are in order."""
    return number(network).to_bytes(16, "big") + bytes([network.prefixlen + _more(network)])


def _more(network: Network) -> int:
    return 96 if network.version == 4 else 0


def _keys(prefixes: Prefixes) -> bytes:
    """The keys of all, one behind the other."""
    table = np.empty((len(prefixes), _KEY), np.uint8)
    table[:, :8] = prefixes.high.astype(">u8").view(np.uint8).reshape(-1, 8)
    table[:, 8:16] = prefixes.low.astype(">u8").view(np.uint8).reshape(-1, 8)
    table[:, 16] = 128 - prefixes.cut
    return table.tobytes()


def _each_key(prefixes: Prefixes) -> Iterator[bytes]:
    return (key for (key,) in struct.iter_unpack(f"{_KEY}s", _keys(prefixes)))


def _prefixes(rows: Iterable[tuple[bytes, int]]) -> Prefixes:
    keys, deny = bytearray(), bytearray()
    for key, denied in rows:
        keys += key
        deny.append(denied)
    table = np.frombuffer(keys, np.uint8).reshape(-1, _KEY)
    return Prefixes(
        high=table[:, :8].copy().view(">u8").reshape(-1).astype(np.uint64),
        low=table[:, 8:16].copy().view(">u8").reshape(-1).astype(np.uint64),
        cut=128 - table[:, 16],
        deny=np.frombuffer(deny, np.bool_),
    )


def _stored(key: bytes, deny: int, expires: int, comment: str) -> Stored:
    network = network_at(int.from_bytes(key[:16], "big"), 128 - key[16])
    return Stored(network=network, deny=bool(deny), expires=expires, comment=comment)
