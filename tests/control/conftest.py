"""Fixtures: a gateway in this process, or the files for one of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceld import Acceld
from here import Here

from accel.placed import Limits


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a unix socket may have 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="accel-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16)


@pytest.fixture
def here(folder: Path, limits: Limits) -> Iterator[Here]:
    gateway = Here(folder, limits)
    yield gateway
    gateway.close()


@pytest.fixture
def acceld(folder: Path) -> Acceld:
    return Acceld(folder=folder)
