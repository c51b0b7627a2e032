"""The log of pushed hints in SQLite, in the file of the store, by a connection of its own.

A row says one thing of many clients, so that a hundred thousand are as quick as an append. What
counts is what the log says when it is read from its beginning (control/hints/pushed/replay.py); now
and then it is written anew, as short as it can be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from accel.control.store.hint_rows import Row, Said
from accel.control.store.prefixes import WAIT
from accel.errors import HostError

SCHEMA = """
-- What was said of hints, in order: accel/control/hint_rows.py has the columns.
CREATE TABLE hint_log (
    position INTEGER PRIMARY KEY AUTOINCREMENT, said INTEGER NOT NULL, service TEXT NOT NULL,
    backend TEXT NOT NULL, caller TEXT NOT NULL, require INTEGER NOT NULL, until INTEGER NOT NULL,
    "end" INTEGER NOT NULL, times BLOB NOT NULL, ipv4 BLOB NOT NULL, ipv6 BLOB NOT NULL,
    prefixes BLOB NOT NULL
);
CREATE INDEX hint_log_by_backend ON hint_log (service, backend);
"""
_COLUMNS = 'said, service, backend, caller, require, until, "end", times, ipv4, ipv6, prefixes'
_INSERT = f"INSERT INTO hint_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_GONE = f"""
INSERT INTO hint_log ({_COLUMNS}) SELECT ?, ?, ?, '', 0, 0, 0, x'', x'', x'', x''
WHERE EXISTS (SELECT 1 FROM hint_log WHERE service = ? AND backend = ?)
"""


class HintStore:
    """Its user sees to it that calls do not overlap. `entries` is the length of the log."""

    def __init__(self, path: Path) -> None:
        """`path` is a file that control.store.Store has opened."""
        self._path = path
        self.entries = 0
        self._db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=WAIT
        )
        self._db.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        """The file is complete without this, too."""
        self._db.close()

    def load(self) -> Iterator[Row]:
        """The log from its beginning. Raises HostError if the file is damaged."""
        self.entries = 0
        try:
            for said, service, backend, caller, require, *rest in self._db.execute(
                f"SELECT {_COLUMNS} FROM hint_log ORDER BY position"
            ):
                until, end, times, ipv4, ipv6, prefixes = rest
                row = Row(
                    said=Said(said),
                    service=service,
                    backend=backend,
                    caller=caller,
                    require=bool(require),
                    until=until,
                    end=end,
                    times=times,
                    ipv4=ipv4,
                    ipv6=ipv6,
                    prefixes=prefixes,
                )
                self.entries += row.entries
                yield row
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise HostError(
                f"the state file {self._path} is damaged: {error}",
                hint="put a copy of it there",
            ) from error

    def append(self, rows: Iterable[Row]) -> None:
        """All of them or none. Raises HostError."""
        with self._transaction():
            self._insert(rows)

    def replace(self, rows: Iterable[Row]) -> None:
        """These, in the place of all. Raises HostError, and all is as it was."""
        with self._transaction():
            self._db.execute("DELETE FROM hint_log")
            self.entries = 0
            self._insert(rows)

    def _insert(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.entries += row.entries
            said = (row.said, row.service, row.backend, row.caller, row.require)
            packed = (row.times, row.ipv4, row.ipv6, row.prefixes)
            self._db.execute(_INSERT, (*said, row.until, row.end, *packed))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        entries = self.entries
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self.entries = entries
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise HostError(
                f"cannot write the state file {self._path}: {error}",
                hint="nothing was changed; see that the disk is not full",
            ) from error


def backends_gone(db: sqlite3.Connection, keys: Iterable[tuple[str, str]]) -> None:
    """In the transaction that removes these backends: their hints go with them.

    One of the same name that is made later has none of them.
    """
    db.executemany(_GONE, ((Said.BACKEND_GONE, *key, *key) for key in keys))
