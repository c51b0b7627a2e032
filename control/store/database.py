"""The desired state in SQLite: written before it is acted on, each write one transaction.

The file is safe against kill -9 at any moment (write-ahead log), and a power cut loses nothing
that was answered (synchronous=FULL). A write's changes are kept in a log of bounded length, so
that a Watch can resume; a write that alone is longer than the log leaves it empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accel.control.state.placement import Placement, Pool, Slot, pool_of
from accel.control.state.state import Change, State
from accel.control.store import hint_log
from accel.control.store.objects import backend_of, columns, object_of, service_of, text_of
from accel.control.store.schema import open_database
from accel.errors import ExpiredError, HostError, InvalidError
from accel.model.backend import Backend
from accel.model.service import Service

LOG_LENGTH = 10_000  # changes that are kept for Watch

_SERVICE = "name, address, port, protocol, ring_size, revision, guard, hints, number, generation"
_BACKEND = (
    "service, name, address, weight, mode, gue_port, state, revision, server_ids, "
    "number, generation"
)


class Store:
    """One open file. Its user sees to it that calls do not overlap."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises HostError if it cannot be read or is not ours."""
        self.path = path
        self._db = open_database(path)

    def close(self) -> None:
        """The file is complete without this, too."""
        self._db.close()

    def load(self) -> State:
        """The state as it was last written. Raises HostError if the file is damaged."""
        try:
            return self._load()
        except (sqlite3.Error, LookupError, ValueError, TypeError, InvalidError) as error:
            raise HostError(
                f"the state file {self.path} is damaged: {error}",
                hint="put a copy of it there; or move it away, start, and apply the configuration "
                "again: there is no service from the start to then",
            ) from error

    def _load(self) -> State:
        services: dict[str, Service] = {}
        backends: dict[str, dict[str, Backend]] = {}
        indices: dict[str, Slot] = {}
        numbers: dict[tuple[str, str], Slot] = {}
        for row in self._db.execute(f"SELECT {_SERVICE} FROM services ORDER BY name"):
            service = service_of(row)
            services[service.name] = service
            backends[service.name] = {}
            indices[service.name] = Slot(number=row[-2], generation=row[-1])
        for row in self._db.execute(f"SELECT {_BACKEND} FROM backends ORDER BY service, name"):
            backend = backend_of(row)
            backends[backend.service][backend.name] = backend
            numbers[backend.key] = Slot(number=row[-2], generation=row[-1])
        return State(
            revision=self._db.execute("SELECT revision FROM store").fetchone()[0],
            services=services,
            backends=backends,
            placement=Placement(
                services=pool_of(indices, self._freed("service")),
                backends=pool_of(numbers, self._freed("backend")),
            ),
        )

    def write(self, changes: Sequence[Change], before: State, after: State) -> None:
        """Make `after` of what is stored, which is `before`; `changes` led from one to the other.

        Raises HostError if it cannot be written; then nothing of it is.
        """
        with self._transaction():
            self._write_objects(changes, after.placement)
            self._write_freed(before.placement, after.placement)
            self._write_log(changes, after.revision)
            self._db.execute("UPDATE store SET revision = ?", (after.revision,))

    def renumber(self, before: Placement, after: Placement) -> None:
        """Store another placement of the same objects."""
        with self._transaction():
            self._db.executemany(
                "UPDATE services SET number = ?, generation = ? WHERE name = ?",
                ((slot.number, slot.generation, k) for k, slot in after.services.taken.items()),
            )
            self._db.executemany(
                "UPDATE backends SET number = ?, generation = ? WHERE service = ? AND name = ?",
                ((slot.number, slot.generation, *k) for k, slot in after.backends.taken.items()),
            )
            self._write_freed(before, after)

    def changes_after(self, revision: int) -> list[tuple[int, Change]]:
        """The logged changes of higher revisions, each with its revision, oldest first.

        Raises ExpiredError if the log does not reach back, or not up, to `revision`.
        """
        floor, current = self._db.execute("SELECT log_floor, revision FROM store").fetchone()
        if not floor <= revision <= current:
            raise ExpiredError(
                f"changes are known after revisions {floor} to {current}, not {revision}",
                hint="list anew, and watch from the revision of that list",
            )
        rows = self._db.execute(
            "SELECT revision, kind, before, after FROM log WHERE revision > ? ORDER BY position",
            (revision,),
        )
        return [
            (row[0], Change(before=object_of(row[1], row[2]), after=object_of(row[1], row[3])))
            for row in rows
        ]

    def attachments(self) -> dict[str, tuple[bool, str]]:
        """Interface to whether it shall be attached, and in which mode."""
        rows = self._db.execute("SELECT interface, wanted, mode FROM attachments")
        return {interface: (bool(wanted), mode) for interface, wanted, mode in rows}

    def set_attachment(self, interface: str, *, wanted: bool, mode: str) -> None:
        """Remember what was said of `interface` last."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO attachments VALUES (?, ?, ?)", (interface, wanted, mode)
            )

    def forget_attachment(self, interface: str) -> None:
        """As if nothing had ever been said of `interface`."""
        with self._transaction():
            self._db.execute("DELETE FROM attachments WHERE interface = ?", (interface,))

    def quiet_rates(self) -> dict[str, float]:
        """The highest rate without an attack that was seen for each service."""
        return dict(self._db.execute("SELECT service, rate FROM quiet_rates"))

    def set_quiet_rates(self, rates: Mapping[str, float]) -> None:
        """Remember these, and forget all others."""
        with self._transaction():
            self._db.execute("DELETE FROM quiet_rates")
            self._db.executemany("INSERT INTO quiet_rates VALUES (?, ?)", rates.items())

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
                f"cannot write the state file {self.path}: {error}",
                hint="nothing was changed; see that the disk is not full and no other "
                "program has the file open",
            ) from error

    def _write_objects(self, changes: Sequence[Change], placement: Placement) -> None:
        indices, numbers = placement.services.taken, placement.backends.taken
        gone = [change.subject for change in changes if change.after is None]
        hint_log.backends_gone(self._db, (b.key for b in gone if isinstance(b, Backend)))
        made = [change.after for change in changes if change.after is not None]
        self._db.executemany(
            "DELETE FROM backends WHERE service = ? AND name = ?",
            (b.key for b in gone if isinstance(b, Backend)),
        )
        self._db.executemany(
            "DELETE FROM services WHERE name = ?",
            ((s.name,) for s in gone if isinstance(s, Service)),
        )
        self._db.executemany(
            f"INSERT OR REPLACE INTO services ({_SERVICE}) VALUES ({_marks(_SERVICE)})",
            (
                (*columns(s), indices[s.name].number, indices[s.name].generation)
                for s in made
                if isinstance(s, Service)
            ),
        )
        self._db.executemany(
            f"INSERT OR REPLACE INTO backends ({_BACKEND}) VALUES ({_marks(_BACKEND)})",
            (
                (*columns(b), numbers[b.key].number, numbers[b.key].generation)
                for b in made
                if isinstance(b, Backend)
            ),
        )

    def _write_freed(self, before: Placement, after: Placement) -> None:
        self._write_pool("service", before.services, after.services)
        self._write_pool("backend", before.backends, after.backends)

    def _write_pool(self, kind: str, before: Pool[Any], after: Pool[Any]) -> None:
        if before is after:
            return
        self._db.executemany(
            "DELETE FROM freed WHERE kind = ? AND number = ?",
            ((kind, number) for number in before.freed if number not in after.freed),
        )
        self._db.executemany(
            "INSERT INTO freed (kind, number, generation) VALUES (?, ?, ?)",
            ((kind, n, g) for n, g in after.freed.items() if n not in before.freed),
        )

    def _write_log(self, changes: Sequence[Change], revision: int) -> None:
        if len(changes) > LOG_LENGTH:
            self._db.execute("DELETE FROM log")
            self._db.execute("UPDATE store SET log_floor = ?", (revision,))
            return
        self._db.executemany(
            "INSERT INTO log (revision, kind, before, after) VALUES (?, ?, ?, ?)",
            (
                (
                    revision,
                    "service" if isinstance(change.subject, Service) else "backend",
                    text_of(change.before),
                    text_of(change.after),
                )
                for change in changes
            ),
        )
        # Only whole revisions leave the log.
        last = self._db.execute(
            "SELECT revision FROM log ORDER BY position DESC LIMIT 1 OFFSET ?", (LOG_LENGTH,)
        ).fetchone()
        if last is not None:
            self._db.execute("DELETE FROM log WHERE revision <= ?", last)
            self._db.execute("UPDATE store SET log_floor = ?", last)

    def _freed(self, kind: str) -> Iterable[tuple[int, int]]:
        return self._db.execute(
            "SELECT number, generation FROM freed WHERE kind = ? ORDER BY position", (kind,)
        )


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))
