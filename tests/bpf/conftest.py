"""One compiled program for all tests: compiling takes a second, and in a machine ten or twenty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accel.datapath.datapath import DataPath
from tests.support.packets.rig import KEPT, LIMITS, Rig


@pytest.fixture(scope="session")
def loaded() -> Iterator[Rig]:
    """The data path, loaded, pinned nowhere and attached to nothing."""
    datapath = DataPath.open(None, LIMITS, KEPT)
    yield Rig(datapath)
    datapath.close()


@pytest.fixture
def rig(loaded: Rig) -> Rig:
    """The world in the maps, and nothing else."""
    loaded.reset()
    return loaded
