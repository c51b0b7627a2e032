"""Whose the state file is: those of other programs and of later schemas are refused."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from accel.control.store.database import Store
from accel.errors import HostError


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\x00" + bytes(99)]
)
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(HostError, match=r"cannot open the state file .*--state"):
        Store(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    content = path.read_bytes()
    with pytest.raises(HostError, match="another program"):
        Store(path)
    assert path.read_bytes() == content


def test_another_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "state.db").close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("PRAGMA user_version=77")
    with pytest.raises(HostError, match="schema version 77, above"):
        Store(tmp_path / "state.db")


def test_only_its_group_may_read_the_folder(tmp_path: Path) -> None:
    Store(tmp_path / "lib" / "state.db").close()
    assert os.stat(tmp_path / "lib").st_mode & 0o777 == 0o750
