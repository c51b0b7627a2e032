"""The tables of the state file, and the steps that lead an older file to them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from accel.control.store import hint_log, prefixes
from accel.errors import HostError

FIRST = """
CREATE TABLE store (revision INTEGER NOT NULL, log_floor INTEGER NOT NULL);
CREATE TABLE services (
    name TEXT PRIMARY KEY, address TEXT NOT NULL, port INTEGER NOT NULL, protocol INTEGER NOT NULL,
    ring_size INTEGER NOT NULL, revision INTEGER NOT NULL,
    number INTEGER NOT NULL, generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE backends (
    service TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, weight INTEGER NOT NULL,
    mode INTEGER NOT NULL, gue_port INTEGER NOT NULL, state INTEGER NOT NULL,
    revision INTEGER NOT NULL, number INTEGER NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (service, name)
) WITHOUT ROWID;
-- Numbers given back, the one longest ago at the lowest position.
CREATE TABLE freed (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, number INTEGER NOT NULL,
    generation INTEGER NOT NULL, UNIQUE (kind, number)
);
CREATE TABLE attachments (interface TEXT PRIMARY KEY, wanted INTEGER NOT NULL, mode TEXT NOT NULL);
CREATE TABLE log (
    position INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL, kind TEXT NOT NULL,
    before TEXT, after TEXT
);
CREATE INDEX log_by_revision ON log (revision);
INSERT INTO store VALUES (1, 1);
"""
_GUARDS = """
ALTER TABLE services ADD COLUMN guard TEXT NOT NULL DEFAULT '{}';
-- The highest rate without an attack that a guard has seen.
CREATE TABLE quiet_rates (service TEXT PRIMARY KEY, rate REAL NOT NULL) WITHOUT ROWID;
"""
_HINTS = """
ALTER TABLE services ADD COLUMN hints TEXT NOT NULL DEFAULT '{}';
ALTER TABLE backends ADD COLUMN server_ids TEXT NOT NULL DEFAULT '{}';
"""
_STEPS = (FIRST, _GUARDS, prefixes.SCHEMA, _HINTS, hint_log.SCHEMA)
"""What makes a file of each schema version of one of the version before; 0 is a new one."""
VERSION = len(_STEPS)


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create `path`, with the tables of now. Raises HostError if it is not ours."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=prefixes.WAIT
        )
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables:
            raise sqlite3.DatabaseError("it is a database of another program")
        if version <= VERSION:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
        if version < VERSION:
            script = "".join(_STEPS[version:])
            db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version={VERSION}; COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise HostError(
            f"cannot open the state file {path}: {error}",
            hint="see that its folder is writable and the file is one of acceld, "
            "or give another with --state",
        ) from error
    if version > VERSION:
        db.close()
        raise HostError(
            f"the state file {path} has schema version {version}, above {VERSION}",
            hint="run the acceld that wrote it, or give a new file with --state "
            "and apply the configuration again",
        )
    return db
