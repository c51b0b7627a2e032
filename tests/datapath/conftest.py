"""One compiled program for all tests: compiling takes a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rig import LIMITS, Rig

from accel.datapath import DataPath


@pytest.fixture(scope="session")
def loaded() -> Iterator[Rig]:
    """The data path, loaded, pinned nowhere and attached to nothing."""
    datapath = DataPath.open(None, LIMITS)
    yield Rig(datapath)
    datapath.close()


@pytest.fixture
def rig(loaded: Rig) -> Rig:
    """The world in the maps, and nothing else."""
    loaded.reset()
    return loaded
